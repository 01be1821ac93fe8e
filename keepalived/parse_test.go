package keepalived

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestParse: comments, quotes, braces on lines of their own and on one line,
// and a brace too many.
func TestParse(t *testing.T) {
	t.Parallel()
	const text = `! a comment
global_defs { vrrp_version 3 } # one line
vrrp_script "a b" {
	script "/bin/x { y } # z" # said
	weight -2 reverse
}
vrrp_instance KPLB
{
    priority 120
    priority 130
    unicast_peer { 10.1.1.2 }
    track_script { "a b" weight 4 noreverse
    }
}
}
stray
`
	var dump func(all []Statement, depth int) string
	dump = func(all []Statement, depth int) string {
		var b strings.Builder
		for _, s := range all {
			b.WriteString(strings.Repeat(" ", depth) + strings.Join(s.Words, "|") + "\n" + dump(s.Inner, depth+1))
		}
		return b.String()
	}
	got := Parse([]byte(text))
	want := `global_defs
 vrrp_version|3
vrrp_script|a b
 script|/bin/x { y } # z
 weight|-2|reverse
vrrp_instance|KPLB
 priority|120
 priority|130
 unicast_peer
  10.1.1.2
 track_script
  a b|weight|4|noreverse
stray
`
	if d := cmp.Diff(want, dump(got.Inner, 0)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if in := got.Find("vrrp_instance"); in.Line != 7 || in.Find("priority").Word(1) != "130" || in.Find("priority").Line != 10 || in.Find("state").Word(1) != "" {
		t.Errorf("%+v", in)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	in := Parse([]byte(`vrrp_instance KPLB {
    virtual_ipaddress {
        10.1.233.2/32 dev eth0
        fd10:1:0::100
        eth0
    }
    virtual_ipaddress { 10.1.233.1 }
    virtual_ipaddress_excluded { 10.1.233.3/24 }
}
`)).Find("vrrp_instance")
	for block, want := range map[string]string{
		"virtual_ipaddress":          "[10.1.233.2 fd10:1::100 10.1.233.1]",
		"virtual_ipaddress_excluded": "[10.1.233.3]",
		"virtual_routes":             "[]",
	} {
		if got := fmt.Sprint(in.Addresses(block)); got != want {
			t.Errorf("%s: %s, want %s", block, got, want)
		}
	}
}

func TestAfter(t *testing.T) {
	t.Parallel()
	s := Statement{Words: []string{"kplb_check", "weight", "-40", "reverse"}}
	if value, ok := s.After("weight"); value != "-40" || !ok {
		t.Errorf("after weight: %q, %t", value, ok)
	}
	for _, word := range []string{"reverse", "noreverse"} {
		if value, ok := s.After(word); value != "" || ok {
			t.Errorf("after %s: %q, %t", word, value, ok)
		}
	}
}

// FuzzParse: no file, however broken, does harm, and every statement knows its
// line.
func FuzzParse(f *testing.F) {
	f.Add("vrrp_instance A {\nvirtual_ipaddress { 10.1.233.1/32 }\ntrack_file { x weight }\n}\n")
	f.Add("{ } } { \"")
	f.Add("vrrp_instance\n{\n{\n{ virtual_ipaddress {\n{ 10.1.233.1 }}}}}")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		var walk func(s Statement)
		walk = func(s Statement) {
			for _, inner := range s.Inner {
				if inner.Line < 1 || inner.Line > lines {
					t.Errorf("line %d of %d", inner.Line, lines)
				}
				walk(inner)
			}
			_ = s.Addresses(s.Word(0))
		}
		walk(Parse([]byte(text)))
		for _, h := range Parse([]byte(text)).Holds() {
			if !h.Address.IsValid() && h.Text == "" {
				t.Errorf("%q holds something without words", text)
			}
		}
	})
}
