package rollout

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/verdict"
)

// listenTime is how long nodes listen: four adverts of VRRP's usual second.
const listenTime = 4 * time.Second

// Examine looks for everything that stands in the way of an apply, on the
// nodes and between them, and changes nothing. What could not be looked at is
// a check that passes and says so. Its error is a NodeErrors: looking itself
// did not work.
func (r *Rollout) Examine(ctx context.Context) (*verdict.Proof, error) {
	facts, err := r.Inspect(ctx, r.usual())
	if err != nil {
		return nil, err
	}
	var found *survey
	err = r.Step(r.listening(), func() (err error) {
		found, err = r.look(ctx, true)
		return err
	})
	if err != nil {
		return nil, err
	}
	proof := &verdict.Proof{}
	for _, n := range r.Everyone() {
		proof.Checks = append(proof.Checks, checkRefusals(r.Cluster, n, facts[n.Name])...)
		for _, f := range found.of(n) {
			proof.Checks = append(proof.Checks, f.Check)
		}
	}
	proof.Checks = append(proof.Checks, found.clocks())
	return proof, nil
}

// precheck refuses a first change that would meet somebody else on the VIP, or
// under its VRID; with pairs, nodes that cannot hear each other, too. It is for
// nodes that were inspected. Its error is a RefusedError, or a NodeErrors
// where looking did not work.
func (r *Rollout) precheck(ctx context.Context, pairs bool) error {
	found, err := r.look(ctx, pairs)
	if err != nil {
		return err
	}
	var refused plan.RefusedError
	for _, n := range r.Present() {
		for _, f := range found.of(n) {
			if f.stops && !f.OK {
				refused.Refusals = append(refused.Refusals, f.refusal(r.Cluster))
			}
		}
	}
	if len(refused.Refusals) > 0 {
		return &refused
	}
	return nil
}

// look has every node look and listen at the same time. With pairs each sends
// the others a probe, once all of them listen.
func (r *Rollout) look(ctx context.Context, pairs bool) (*survey, error) {
	nodes := r.Present()
	s := &survey{cluster: r.Cluster, members: r.Everyone(), pairs: pairs, facts: r.Facts(), sights: map[string]*sight{}}
	for _, n := range nodes {
		s.sights[n.Name] = &sight{nonce: newProbe()}
	}
	var all, sent sync.WaitGroup
	all.Add(len(nodes))
	if pairs {
		sent.Go(func() {
			all.Wait()
			_ = fleet.Each(nodes, func(n inventory.Node) error { return r.sendProbes(ctx, s, n) }) // where it fails, others do not hear it
		})
	}
	err := fleet.Each(nodes, func(n inventory.Node) error {
		listens := sync.OnceFunc(all.Done)
		defer listens()
		return r.lookFrom(ctx, s, n, listens)
	})
	sent.Wait()
	return s, err
}

// newProbe is what nobody else puts into a probe.
func newProbe() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// lookFrom has a node look around, and says when the node listens.
func (r *Rollout) lookFrom(ctx context.Context, s *survey, n inventory.Node, listens func()) error {
	h, err := r.Connect(ctx, n)
	if err != nil {
		return err
	}
	mine := s.sights[n.Name]
	err = node.Observe(ctx, h, s.observeRequest(n), &mine.Observation, listens)
	mine.ended = time.Now()
	return err
}

// sendProbes sends to all others, from where that can be done.
func (r *Rollout) sendProbes(ctx context.Context, s *survey, n inventory.Node) error {
	mine := s.sights[n.Name]
	if mine.mac(n) == "" || !mine.Listens || len(r.Cluster.VIPs4()) == 0 {
		return nil
	}
	h, err := r.Connect(ctx, n)
	if err != nil {
		return err
	}
	mine.Probes, err = node.SendProbes(ctx, h, s.probeRequest(n))
	return err
}

// others are the nodes with which a node exchanges probes.
func (s *survey) others(n inventory.Node) []inventory.Node {
	return slices.DeleteFunc(slices.Clone(s.cluster.Nodes), func(p inventory.Node) bool {
		return s.sights[p.Name] == nil || p.Name == n.Name || !s.pairs
	})
}

func (s *survey) observeRequest(n inventory.Node) node.ObserveRequest {
	q := node.ObserveRequest{Address: fourOf(n), VIPs: s.cluster.VIPs, Listen: listenTime}
	for _, p := range s.others(n) {
		q.Nonces = append(q.Nonces, s.sights[p.Name].nonce)
	}
	return q
}

// probeRequest is for a cluster with an IPv4 VIP, whose nodes all listen.
func (s *survey) probeRequest(n inventory.Node) node.ProbeRequest {
	q := node.ProbeRequest{Address: fourOf(n), Source: s.cluster.VIPs4()[0], Nonce: s.sights[n.Name].nonce}
	for _, p := range s.others(n) {
		if mac := s.sights[p.Name].mac(p); mac != "" {
			q.Peers = append(q.Peers, node.Peer{Address: fourOf(p), MAC: mac})
		}
	}
	if s.multicast() && len(q.Peers) > 0 {
		q.Peers = []node.Peer{{Address: render.VRRPGroup, MAC: vrrpGroupMAC}}
	}
	return q
}
