package keepalived

import "strings"

// ConfigFile is the file that keepalived reads with these arguments (keepalived(8)).
func ConfigFile(args []string) string {
	file := ConfigPath
	for i, arg := range args {
		switch {
		case (arg == "-f" || arg == "--use-file") && i+1 < len(args):
			file = args[i+1]
		case strings.HasPrefix(arg, "--use-file="):
			file = strings.TrimPrefix(arg, "--use-file=")
		case strings.HasPrefix(arg, "-f") && len(arg) > len("-f"):
			file = strings.TrimPrefix(arg, "-f")
		}
	}
	return file
}
