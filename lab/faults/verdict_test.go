//go:build faults

package faults

import (
	"slices"
	"strings"

	"github.com/kplb/kplb/lab/machines"
)

// verdict is I5: what kplb says of itself and of every node is what the
// checker has found.
func (t *trial) verdict(ends []*generation) {
	if t.op == nil || t.op.code == -1 {
		return
	}
	claims, known := t.claims()
	if !known {
		t.problem("I5: kplb ended with %d", t.op.code)
		return
	}
	for i, n := range machines.Nodes {
		if claim := claims[n]; ends[i] != nil && claim != nil && claim != ends[i] {
			t.problem("I5: kplb ended with %d and says that node %s is %s; it is %s", t.op.code, n, claim.name, ends[i].name)
		}
	}
	if t.op.code == 4 && !slices.Contains(t.lines4(), true) {
		t.problem("I5: kplb ended with 4 and does not say which nodes have changed")
	}
}

// claims is the generation that each node has, in kplb's words.
func (t *trial) claims() (claims map[string]*generation, known bool) {
	claims = map[string]*generation{}
	all := func(g *generation) {
		for _, n := range machines.Nodes {
			claims[n] = g
		}
	}
	switch t.op.code {
	case 0:
		all(t.to)
	case 3:
		all(t.from)
	case 4, 130:
		all(t.from)
		for _, line := range t.op.lines() {
			if _, names, ok := strings.Cut(line, "stopped: changed and confirmed: "); ok {
				for _, n := range machines.Nodes {
					if strings.Contains(names, nodeName(n)) {
						claims[n] = t.to
					}
				}
			}
			if contains(line, "is changed: the way back", "did not say whether it has confirmed", "unless that operator confirms") { // kplb says that it cannot tell
				for _, n := range machines.Nodes {
					if strings.Contains(line, nodeName(n)) {
						claims[n] = nil
					}
				}
			}
		}
	default:
		return nil, false
	}
	return claims, true
}

// lines4 are the lines that an exit code of 4 must come with.
func (t *trial) lines4() []bool {
	lines := t.op.lines()
	out := make([]bool, len(lines))
	for i, line := range lines {
		out[i] = strings.Contains(line, "stopped: changed and confirmed") || contains(line, "could not be told", "is changed: the way back", "did not say whether")
	}
	return out
}

// wants checks the exit code of the trial's operator.
func (t *trial) wants(codes ...int) {
	if t.op != nil && !slices.Contains(codes, t.op.code) {
		t.problem("I5: kplb ended with %d, not %v", t.op.code, codes)
	}
}
