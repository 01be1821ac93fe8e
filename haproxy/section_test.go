package haproxy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBehind: wherever the backends stand, and whichever line leads to them.
func TestBehind(t *testing.T) {
	t.Parallel()
	c := Parse([]byte(`backend before
frontend in
    default_backend before
    use_backend after if TRUE
    bind 10.1.233.1:443 v6only
listen alone
    bind 10.1.233.2:443
frontend other
    bind 10.1.233.1:80
    default_backend others
backend after
backend others
`))
	want := map[string]bool{"frontend in": true, "backend before": true, "backend after": true, "listen alone": true}
	if d := cmp.Diff(want, c.Behind([]string{"10.1.233.1:443", "10.1.233.2:443"})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestModes: a section has its own mode, or that of the defaults that it takes.
func TestModes(t *testing.T) {
	t.Parallel()
	c := Parse([]byte(`frontend first
defaults
    mode tcp
backend of-the-last-defaults
backend own
    mode http
defaults web
    mode http
backend of-named-ones
defaults
    log global
backend of-ones-without
backend named from web
`))
	want := map[string]string{
		"defaults": "tcp", "backend of-the-last-defaults": "tcp", "backend own": "http",
		"defaults web": "http", "backend of-named-ones": "http", "backend named": "http",
	}
	if d := cmp.Diff(want, c.Modes()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
