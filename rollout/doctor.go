package rollout

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// listenTime is how long nodes listen: four adverts of VRRP's usual second.
const listenTime = 4 * time.Second

// Examine looks for everything that stands in the way of an apply, on the
// nodes and between them, and changes nothing. What could not be looked at is
// a check that passes and says so. Its error is a NodeErrors: looking itself
// did not work.
func (r *Rollout) Examine(ctx context.Context) (*Proof, error) {
	facts, err := r.Inspect(ctx)
	if err != nil {
		return nil, err
	}
	var found *survey
	err = r.step(r.listening(), func() (err error) {
		found, err = r.look(ctx, true)
		return err
	})
	if err != nil {
		return nil, err
	}
	proof := &Proof{}
	for _, n := range r.everyone() {
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
	var refused RefusedError
	for _, n := range r.present() {
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
	nodes := r.present()
	s := &survey{cluster: r.Cluster, members: r.everyone(), pairs: pairs, facts: maps.Clone(r.facts), sights: map[string]*sight{}}
	for _, n := range nodes {
		s.sights[n.Name] = &sight{nonce: newProbe(), macs: map[string]string{}, heard: map[string]bool{}, answers: map[netip.Addr][]string{}}
	}
	var all, sent sync.WaitGroup
	all.Add(len(nodes))
	if pairs {
		sent.Go(func() {
			all.Wait()
			_ = r.each(nodes, func(n inventory.Node) error { return r.sendProbes(ctx, s, n) }) // where it fails, others do not hear it
		})
	}
	err := r.each(nodes, func(n inventory.Node) error {
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

// lookFrom runs doctor.sh on a node, and says when the node listens.
func (r *Rollout) lookFrom(ctx context.Context, s *survey, n inventory.Node, listens func()) error {
	h, err := r.host(ctx, n)
	if err != nil {
		return err
	}
	mine, complete, begin := s.sights[n.Name], false, time.Now()
	err = h.Run(ctx, s.script(n, false), func(rec remote.Record) error {
		switch rec.Key {
		case "clock":
			mine.takeClock(rec, begin, time.Now())
		case "done":
			complete = true
		}
		if err := mine.take(rec); err != nil {
			return err
		}
		if mine.listens {
			listens()
		}
		return nil
	})
	mine.ended = time.Now()
	switch {
	case err != nil:
		return err
	case !complete:
		return fmt.Errorf("%s: doctor: the node's answer is cut short", n.Name)
	}
	return nil
}

// sendProbes sends to all others, from where that can be done.
func (r *Rollout) sendProbes(ctx context.Context, s *survey, n inventory.Node) error {
	if mine := s.sights[n.Name]; mine.mac(n) == "" || !mine.listens || len(r.Cluster.VIPs4()) == 0 {
		return nil
	}
	h, err := r.host(ctx, n)
	if err != nil {
		return err
	}
	return h.Run(ctx, s.script(n, true), s.sights[n.Name].takeSent)
}

// script is doctor.sh for one node.
func (s *survey) script(n inventory.Node, send bool) remote.Script {
	var peers, nonces []string
	for _, p := range s.cluster.Nodes {
		there := s.sights[p.Name]
		if there == nil || p.Name == n.Name || !s.pairs {
			continue
		}
		nonces = append(nonces, there.nonce)
		if send && there.mac(p) != "" { // known once it listens
			peers = append(peers, fourOf(p).String()+"/"+there.mac(p))
		}
	}
	if s.multicast() && len(peers) > 0 {
		peers = []string{render.VRRPGroup.String() + "/" + vrrpGroupMAC}
	}
	source := ""
	if four := s.cluster.VIPs4(); len(four) > 0 {
		source = four[0].String()
	}
	script := node.Script("doctor", map[string]string{
		"KPLB_SEND":    flag(send),
		"KPLB_ADDRESS": fourOf(n).String(),
		"KPLB_VIPS":    joined(s.cluster.VIPs, ","),
		"KPLB_SOURCE":  source,
		"KPLB_SECONDS": strconv.Itoa(int(listenTime.Seconds())),
		"KPLB_NONCE":   s.sights[n.Name].nonce,
		"KPLB_PEERS":   strings.Join(peers, " "),
		"KPLB_NONCES":  strings.Join(slices.Sorted(slices.Values(nonces)), " "),
	})
	script.Files = map[string][]byte{"vrrp.pl": node.ProgramFile("vrrp.pl")}
	return script
}
