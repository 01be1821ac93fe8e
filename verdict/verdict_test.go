package verdict

import "testing"

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
		{"nothing was looked at", nil, false, false},
	} {
		p := &Proof{Checks: c.checks}
		if p.OK() != c.ok || p.Acceptable() != c.works {
			t.Errorf("%s: OK %v, Acceptable %v", c.name, p.OK(), p.Acceptable())
		}
	}
}
