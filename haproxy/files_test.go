package haproxy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConfigFiles(t *testing.T) {
	t.Parallel()
	for args, want := range map[string][]string{
		"":                       nil,
		"/usr/sbin/haproxy -v":   nil,
		"/usr/sbin/haproxy -f":   nil,
		"haproxy -Ws -f a -p b":  {"a"},
		"haproxy -f a -f b -sf ": {"a", "b"},
		"haproxy -f a -- b c":    {"a", "b", "c"},
	} {
		if d := cmp.Diff(want, ConfigFiles(strings.Fields(args))); d != "" {
			t.Errorf("%q (-want +got):\n%s", args, d)
		}
	}
}
