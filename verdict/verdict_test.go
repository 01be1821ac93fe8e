package verdict

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAcceptable(t *testing.T) {
	t.Parallel()
	ok, no, san := Check{OK: true}, Check{}, Check{MissingSAN: true}
	for _, c := range []struct {
		name      string
		checks    []Check
		ok, works bool
	}{
		{"every check passes", []Check{ok, ok}, true, true},
		{"only the VIP's SAN is missing: a change is kept, and the answer is no", []Check{ok, san}, false, true},
		{"a SAN is missing, and something is broken", []Check{ok, san, no}, false, false},
		{"something is broken", []Check{ok, no}, false, false},
		{"only a service is down: the control plane does not depend on it", []Check{ok, {Advisory: true}}, false, true},
		{"nothing was looked at", nil, false, false},
	} {
		p := &Proof{Checks: c.checks}
		if p.OK() != c.ok || p.Acceptable() != c.works {
			t.Errorf("%s: OK %v, Acceptable %v", c.name, p.OK(), p.Acceptable())
		}
	}
}

func TestCheckString(t *testing.T) {
	t.Parallel()
	for want, check := range map[string]Check{
		"node-1: /readyz: 500":      {Node: "node-1", What: "/readyz", Detail: "500"},
		"one node holds it: 2 do":   {What: "one node holds it", Detail: "2 do", Hint: "look at keepalived"},
		"node-1: reaches the VIP: ": {Node: "node-1", What: "reaches the VIP", OK: true},
	} {
		if d := cmp.Diff(want, check.String()); d != "" {
			t.Error(d)
		}
	}
}

// TestNoes: the first no is what a change waits for, so a missing name is none;
// the error names every no.
func TestNoes(t *testing.T) {
	t.Parallel()
	ok, san := Check{What: "a", OK: true}, Check{What: "b", Detail: "no name", MissingSAN: true}
	one, two := Check{Node: "node-1", What: "c", Detail: "down"}, Check{What: "d", Detail: "web is down", Advisory: true}
	for _, c := range []struct {
		checks       []Check
		first, error string
	}{
		{nil, "", "not proven: "},
		{[]Check{ok}, "", "not proven: "},
		{[]Check{ok, san}, "", "not proven: b: no name"},
		{[]Check{san, two, one}, "d: web is down", "not proven: b: no name; d: web is down; node-1: c: down"},
		{[]Check{one, ok, two}, "node-1: c: down", "not proven: node-1: c: down; d: web is down"},
	} {
		p := &Proof{Checks: c.checks}
		if d := cmp.Diff([]string{c.first, c.error}, []string{p.FirstNo(), (&ProofError{p}).Error()}); d != "" {
			t.Errorf("%v (-want +got):\n%s", c.checks, d)
		}
	}
}
