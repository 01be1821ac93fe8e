// Package doctor says what is in the way of an apply, on the nodes and between
// them: what kplb would refuse, who else has the VIP or speaks VRRP, and whether
// the nodes hear each other. It changes nothing.
package doctor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/verdict"
)

// listenTime is how long nodes listen: four adverts of VRRP's usual second.
const listenTime = 4 * time.Second

// Examine looks for everything that stands in the way of an apply, on the
// nodes and between them, and changes nothing. What could not be looked at is
// a check that passes and says so; a node that could not be looked at, one that does
// not. Its error is a fleet.NodeErrors: no control-plane node could be.
func Examine(ctx context.Context, f *fleet.Fleet) (*verdict.Proof, error) {
	facts, err := fleet.InspectReached(ctx, f, fleet.Inspection{})
	if err != nil {
		return nil, err
	}
	var found *Survey
	err = f.Step(Step(f.Cluster), func() (err error) {
		found, err = LookReached(ctx, f, true)
		return err
	})
	if err != nil {
		return nil, err
	}
	proof := &verdict.Proof{}
	absent := fleet.Absent(f)
	for _, n := range slices.Concat(f.Cluster.Nodes, f.Cluster.Workers) {
		if why := absent[n.Name]; why != nil {
			proof.Checks = append(proof.Checks, Unasked(n.Name, why))
			continue
		}
		proof.Checks = append(proof.Checks, checkRefusals(f.Cluster, n, facts[n.Name])...)
		for _, one := range found.of(n) {
			proof.Checks = append(proof.Checks, one.Check)
		}
	}
	proof.Checks = append(proof.Checks, found.clocks())
	return proof, nil
}

// Step is what people who watch are told while nodes listen.
func Step(c *inventory.Cluster) fleet.Event {
	return fleet.Event{Step: "listening for others on " + inventory.Join(c.VIPs, " and "), Usual: usual}
}

// usual is how long a Look takes.
const usual = 5 * time.Second

// Precheck refuses a first change that would meet somebody else on the VIP, or
// under its VRID; with pairs, nodes that cannot hear each other, too. It is for
// nodes that were inspected. Its error is a refusal.Error, or a
// fleet.NodeErrors where looking did not work.
func Precheck(ctx context.Context, f *fleet.Fleet, pairs bool) error {
	found, err := Look(ctx, f, pairs)
	if err != nil {
		return err
	}
	var refused refusal.Error
	for _, n := range f.Present() {
		for _, one := range found.of(n) {
			if one.stops && !one.OK {
				refused.Refusals = append(refused.Refusals, one.refusal(f.Cluster))
			}
		}
	}
	if len(refused.Refusals) > 0 {
		return &refused
	}
	return nil
}

// Look has every node look and listen at the same time. With pairs each sends
// the others a probe, once all of them listen. It is for nodes that were inspected.
func Look(ctx context.Context, f *fleet.Fleet, pairs bool) (*Survey, error) {
	nodes := f.Present()
	s := &Survey{cluster: f.Cluster, members: f.Everyone(), pairs: pairs, facts: f.Facts(), observations: map[string]*observation{}}
	for _, n := range nodes {
		s.observations[n.Name] = &observation{nonce: newProbe()}
	}
	var all, sent sync.WaitGroup
	all.Add(len(nodes))
	if pairs {
		sent.Go(func() {
			all.Wait()
			_ = fleet.Each(nodes, func(n inventory.Node) error { return sendProbes(ctx, f, s, n) }) // where it fails, others do not hear it
		})
	}
	err := fleet.Each(nodes, func(n inventory.Node) error {
		listens := sync.OnceFunc(all.Done)
		defer listens()
		return lookFrom(ctx, f, s, n, listens)
	})
	sent.Wait()
	return s, err
}

// LookReached is Look for who does not depend on every node: one that cannot look is left
// out from then on, as long as another one can.
func LookReached(ctx context.Context, f *fleet.Fleet, pairs bool) (*Survey, error) {
	found, err := Look(ctx, f, pairs)
	var failed fleet.NodeErrors
	if ctx.Err() != nil || !errors.As(err, &failed) || len(failed) == len(f.Present()) {
		return found, err
	}
	f.DropLost(failed)
	fleet.LeaveOut(f, failed)
	return found, nil
}

// Unasked is the check of a node that was left out.
func Unasked(node string, why error) verdict.Check {
	return verdict.Check{Node: node, What: "answers kplb", Detail: fleet.Reason(node, why), Hint: remote.Hint(why)}
}

// newProbe is what nobody else puts into a probe.
func newProbe() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// lookFrom has a node look around, and says when the node listens.
func lookFrom(ctx context.Context, f *fleet.Fleet, s *Survey, n inventory.Node, listens func()) error {
	h, err := f.Connect(ctx, n)
	if err != nil {
		return err
	}
	mine := s.observations[n.Name]
	err = node.Observe(ctx, h, fleet.LayoutOf(s.cluster), s.observeRequest(n), &mine.Observation, listens)
	mine.ended = time.Now()
	return err
}

// sendProbes sends to all others, from where that can be done.
func sendProbes(ctx context.Context, f *fleet.Fleet, s *Survey, n inventory.Node) error {
	mine := s.observations[n.Name]
	if mine.mac(n) == "" || !mine.Listens || len(f.Cluster.VIPs4()) == 0 {
		return nil
	}
	h, err := f.Connect(ctx, n)
	if err != nil {
		return err
	}
	mine.Probes, err = node.SendProbes(ctx, h, s.probeRequest(n))
	return err
}

// others are the nodes with which a node exchanges probes.
func (s *Survey) others(n inventory.Node) []inventory.Node {
	return slices.DeleteFunc(slices.Clone(s.cluster.Nodes), func(p inventory.Node) bool {
		return s.observations[p.Name] == nil || p.Name == n.Name || !s.pairs
	})
}

func (s *Survey) observeRequest(n inventory.Node) node.ObserveRequest {
	q := node.ObserveRequest{Address: ipv4Of(n), VIPs: s.cluster.VIPs, Listen: listenTime}
	for _, p := range s.others(n) {
		q.Nonces = append(q.Nonces, s.observations[p.Name].nonce)
	}
	return q
}

// probeRequest is for a cluster with an IPv4 VIP, whose nodes all listen.
func (s *Survey) probeRequest(n inventory.Node) node.ProbeRequest {
	q := node.ProbeRequest{Address: ipv4Of(n), Source: s.cluster.VIPs4()[0], Nonce: s.observations[n.Name].nonce}
	for _, p := range s.others(n) {
		if mac := s.observations[p.Name].mac(p); mac != "" {
			q.Peers = append(q.Peers, node.Peer{Address: ipv4Of(p), MAC: mac})
		}
	}
	if multicast(s.cluster) && len(q.Peers) > 0 {
		q.Peers = []node.Peer{{Address: render.VRRPGroup, MAC: vrrpGroupMAC}}
	}
	return q
}
