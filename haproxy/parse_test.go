package haproxy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestParse: sections begin with a keyword, however they are indented; comments,
// quotes and backslashes are HAProxy's.
func TestParse(t *testing.T) {
	t.Parallel()
	const text = `# a comment
    before any section
global # of all
  log /dev/log local0
	backend kube-apiserver # indented
server a 10.1.1.1:6443 # check
    http-check send hdr Host "a # b" hdr X c\ d\#e
    option 'it''s' "\"quoted\" \'" ''

frontend f from d
    bind	10.1.233.1:443`
	var got strings.Builder
	for _, s := range Parse([]byte(text)) {
		fmt.Fprintf(&got, "%q\n", s.Words)
		for _, l := range s.Lines {
			fmt.Fprintf(&got, " %d %q\n", l.Number, l.Words)
		}
	}
	const want = `[]
 2 ["before" "any" "section"]
["global"]
 4 ["log" "/dev/log" "local0"]
["backend" "kube-apiserver"]
 6 ["server" "a" "10.1.1.1:6443"]
 7 ["http-check" "send" "hdr" "Host" "a # b" "hdr" "X" "c d#e"]
 8 ["option" "its" "\"quoted\" '" ""]
["frontend" "f" "from" "d"]
 11 ["bind" "10.1.233.1:443"]
`
	if d := cmp.Diff(want, got.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got := Parse([]byte(text))[3].ID(); got != "frontend f" {
		t.Errorf("ID is %q", got)
	}
}

// FuzzParse: no file, however broken, does harm, and every line knows its number.
func FuzzParse(f *testing.F) {
	f.Add("global\nmaxconn\n  bind\nserver a\noption httpchk\nhttp-check expect status\nhttp-check uri\nmode\n")
	f.Add("frontend a\nbind \"10.1.1.1:1\\\ndefault_backend\nuse_backend\n")
	f.Add("defaults from a\nbackend from\n'")
	f.Add("listen a :80-90,[::]:1,unix@/x,ipv6@:::2\nbind\nbind ,\nbind :99999\nprogram\npeers\nglobal\nstats socket")
	f.Fuzz(func(t *testing.T, text string) {
		c, lines := Parse([]byte(text)), strings.Count(text, "\n")+1
		for _, s := range c {
			for _, l := range s.Lines {
				if len(l.Words) == 0 || l.Number < 1 || l.Number > lines {
					t.Errorf("line %d of %d has the words %q", l.Number, lines, l.Words)
				}
				_ = l.CheckedPath()
			}
		}
		_, _, _, _ = c.MaxConn(), c.Binds(), c.Servers(), c.ExpectedStatus()
		_, _ = c.Behind([]string{"10.1.1.1:1"}), c.Modes()
		for _, s := range c.Serves() {
			if s.Doing == "" || !s.CarriedOn(c.Serves()) {
				t.Errorf("%q is not carried on by itself", s)
			}
		}
	})
}
