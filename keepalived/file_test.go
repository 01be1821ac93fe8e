package keepalived

import (
	"strings"
	"testing"
)

func TestConfigFile(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"":                         ConfigPath,
		"keepalived --dont-fork":   ConfigPath,
		"keepalived -f":            ConfigPath,
		"keepalived -n -f /a":      "/a",
		"keepalived -f/a":          "/a",
		"keepalived --use-file=/a": "/a",
		"keepalived --use-file /a": "/a",
	} {
		if got := ConfigFile(strings.Fields(args)); got != want {
			t.Errorf("%q: %q, want %q", args, got, want)
		}
	}
}
