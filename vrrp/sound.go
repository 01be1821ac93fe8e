package vrrp

import (
	"errors"

	"github.com/kplb/kplb/inventory"
)

// Sound proves of every contest that its speakers elect one holder, and a
// healthy one where one is healthy, whatever fails and in whichever order. Its
// error joins a *Problem for each reason why they do not. A single node has
// nobody to agree with.
func Sound(c *inventory.Cluster, speakers []Speaker) error {
	var all []error
	for _, contest := range Contests(c, speakers) {
		_, problems := problemsOf(c, contest.Speakers)
		all = append(all, problems...)
	}
	return errors.Join(all...)
}

// prove is Sound for the speakers of one contest, with what was looked at.
func prove(c *inventory.Cluster, speakers []Speaker) (Proof, error) {
	proof, problems := problemsOf(c, speakers)
	return proof, errors.Join(problems...)
}

// problemsOf finds what is wrong with the speakers of one contest: what the
// rules forbid, or else what the model finds by itself, which says less about
// the cause.
func problemsOf(c *inventory.Cluster, speakers []Speaker) (Proof, []error) {
	if len(speakers) < 2 {
		return Proof{}, nil
	}
	proof := newElection(speakers).prove()
	var out []error
	for i, s := range speakers {
		out = append(out, s.problems(c)...)
		out = append(out, s.conflicts(speakers[:i])...)
	}
	out = append(out, outrankedPreferred(c, speakers)...)
	if len(out) > 0 {
		return proof, out
	}
	seen := map[string]bool{}
	for _, f := range proof.flaws {
		p := f.problem()
		if !seen[p.Node] {
			seen[p.Node] = true
			out = append(out, p)
		}
	}
	return proof, out
}
