package node

import (
	"strings"

	"github.com/kplb/kplb/remote"
)

// ParseSysctls reads the settings of a file of sysctl.d: comments and lines
// without a value are left out, and blanks within a value are one each.
func ParseSysctls(text []byte) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(string(text)) {
		key, value, found := strings.Cut(strings.TrimSpace(line), "=")
		if found && !strings.HasPrefix(key, "#") && !strings.HasPrefix(key, ";") {
			out[remote.Clean(strings.TrimSpace(key))] = remote.Clean(strings.Join(strings.Fields(value), " "))
		}
	}
	return out
}
