package plan

import (
	"errors"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/vrrp"
)

// readSpeakers reads the VRRP speakers that a node's new files configure, one for
// each VIP. Its error is a refusal.Error.
func readSpeakers(c *inventory.Cluster, n inventory.Node, artifacts []render.Artifact) ([]vrrp.Speaker, error) {
	content := map[string][]byte{}
	for _, a := range artifacts {
		content[a.Path] = a.Content
	}
	out, err := vrrp.ReadNode(c, n, vrrp.Files{Keepalived: content[render.KeepalivedPath], HAProxyUnit: content[render.HAProxyUnitPath]})
	if err != nil {
		return nil, refusedByVRRP(err)
	}
	return out, nil
}

// refuseUnsound refuses files with which the nodes would not elect exactly one
// holder of each VIP whose checks pass. Its error is a refusal.Error.
func refuseUnsound(c *inventory.Cluster, plans []NodePlan) error {
	var speakers []vrrp.Speaker
	for _, p := range plans {
		speakers = append(speakers, p.speakers...)
	}
	if err := vrrp.Sound(c, speakers); err != nil {
		return refusedByVRRP(err)
	}
	return nil
}

// refusedByVRRP makes a refusal of each vrrp.Problem.
func refusedByVRRP(err error) *refusal.Error {
	all := []error{err}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		all = joined.Unwrap()
	}
	out := &refusal.Error{}
	for _, one := range all {
		var p *vrrp.Problem
		if errors.As(one, &p) {
			out.Refusals = append(out.Refusals, refusal.Refusal{Node: p.Node, What: p.Where() + ": " + p.What, Hint: p.Hint()})
		}
	}
	return out
}
