package rollout

import (
	"errors"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/render"
)

// readSpeakers reads what a node's new files make of it in VRRP's elections, one
// for each VIP. Its error is a RefusedError.
func readSpeakers(c *inventory.Cluster, n inventory.Node, artifacts []render.Artifact) ([]render.Speaker, error) {
	content := map[string][]byte{}
	for _, a := range artifacts {
		content[a.Path] = a.Content
	}
	out, err := render.ReadSpeakers(c, n, content[render.KeepalivedPath], content[render.HAProxyUnitPath])
	if err != nil {
		return nil, refusedFor(err)
	}
	return out, nil
}

// refuseUnsound refuses files with which the nodes that can be reached would
// not agree on one holder of the VIP, and a well one. Its error is a
// RefusedError.
func refuseUnsound(c *inventory.Cluster, plans []NodePlan) error {
	var speakers []render.Speaker
	for _, p := range plans {
		speakers = append(speakers, p.speakers...)
	}
	if err := render.Sound(c, speakers); err != nil {
		return refusedFor(err)
	}
	return nil
}

// refusedFor makes refusals of what render says.
func refusedFor(err error) *RefusedError {
	all := []error{err}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		all = joined.Unwrap()
	}
	out := &RefusedError{}
	for _, one := range all {
		var u *render.Unsound
		if errors.As(one, &u) {
			out.Refusals = append(out.Refusals, Refusal{Node: u.Node, What: u.Where() + ": " + u.What, Cure: u.Cure})
		}
	}
	return out
}
