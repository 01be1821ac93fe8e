package haproxy

// ConfigFiles are the files and directories that HAProxy reads with these arguments
// (haproxy(1)), in this order.
func ConfigFiles(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "--":
			return append(out, args[i+1:]...)
		case args[i] == "-f" && i+1 < len(args):
			i++
			out = append(out, args[i])
		}
	}
	return out
}
