// Package verify checks the current state of a cluster: whether the VIP leads to every
// apiserver, whether each node matches the inventory, whether any other host answers for
// the VIP, and how connections are distributed.
//
// It changes nothing on a node. What could not be checked is a check that passes and
// says "left out".
package verify

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/doctor"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/keepalived"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/verdict"
)

// Installed checks the nodes and the VIP until every check passes, for at most patience,
// and returns the last result. inspection says what the nodes are asked. Its error says
// that the checks could not be made, or is a refusal.Error.
func Installed(ctx context.Context, f *fleet.Fleet, inspection fleet.Inspection, patience time.Duration) (*verdict.Proof, error) {
	return until(ctx, f, everyNode(f, inspection), patience, Prove)
}

// Look is Installed once, for who only looks: a node that cannot be inspected is a check
// that does not pass. Its error says that no control-plane node could be.
func Look(ctx context.Context, f *fleet.Fleet, inspection fleet.Inspection) (*verdict.Proof, error) {
	proof, err := until(ctx, f, reachedNodes(f, inspection), 0, Prove)
	if err == nil {
		proof.Checks = append(proof.Checks, unasked(f)...)
	}
	return proof, err
}

// Removed checks that every apiserver answers on its own address, and that no node holds
// the VIP: the state after kplb was removed.
func Removed(ctx context.Context, f *fleet.Fleet, inspection fleet.Inspection, patience time.Duration) (*verdict.Proof, error) {
	return until(ctx, f, everyNode(f, inspection), patience, proveRemoved)
}

// inspector inspects the nodes that a proof is about.
type inspector func(context.Context) (map[string]*node.Facts, error)

// everyNode inspects every node, but for those that the fleet may leave out.
func everyNode(f *fleet.Fleet, what fleet.Inspection) inspector {
	return func(ctx context.Context) (map[string]*node.Facts, error) { return f.Inspect(ctx, what) }
}

// reachedNodes inspects the nodes that can be inspected, and tries all of them each time.
func reachedNodes(f *fleet.Fleet, what fleet.Inspection) inspector {
	return func(ctx context.Context) (map[string]*node.Facts, error) {
		fleet.TryAbsent(f)
		return fleet.InspectReached(ctx, f, what)
	}
}

// unasked has a check for each node that could not be inspected.
func unasked(f *fleet.Fleet) []verdict.Check {
	absent := fleet.Absent(f)
	var out []verdict.Check
	for _, n := range slices.Concat(f.Cluster.Nodes, f.Cluster.Workers) {
		if why := absent[n.Name]; why != nil {
			out = append(out, doctor.Unasked(n.Name, why))
		}
	}
	return out
}

// prover makes a proof from the facts of the nodes.
type prover func(ctx context.Context, f *fleet.Fleet, facts map[string]*node.Facts) (*verdict.Proof, error)

// until proves again and again until a proof is acceptable, for at most patience.
func until(ctx context.Context, f *fleet.Fleet, inspect inspector, patience time.Duration, prove prover) (*verdict.Proof, error) {
	over := Step
	over.Over = true
	defer f.Report(over)
	waits := func(what string) {
		waiting := Step
		waiting.Waits = what
		f.Report(waiting)
	}
	var proof *verdict.Proof
	err := fleet.Retry{Patience: patience, Waits: waits}.Do(ctx, func() error {
		facts, err := inspect(ctx)
		if err == nil {
			proof, err = prove(ctx, f, facts)
		}
		if err != nil {
			return fleet.Final(err)
		}
		return notAcceptable(proof)
	})
	if errors.As(err, &unacceptableError{}) {
		return proof, ctx.Err()
	}
	return proof, err
}

// unacceptableError says why a proof is tried again.
type unacceptableError struct{ what string }

func (e unacceptableError) Error() string { return e.what }

// notAcceptable is an unacceptableError with the first check that failed, or nil.
func notAcceptable(proof *verdict.Proof) error {
	if proof.Acceptable() {
		return nil
	}
	return unacceptableError{proof.FirstNo()}
}

// Step is the progress event while a proof is awaited.
var Step = fleet.Event{Step: "proving /healthz through the VIP", Usual: Usual}

// Usual is how long a proof usually takes after a change: HAProxy's first checks and an
// election.
const Usual = 4 * time.Second

// Prove checks the facts of the nodes, and asks every apiserver and every VIP.
func Prove(ctx context.Context, f *fleet.Fleet, facts map[string]*node.Facts) (*verdict.Proof, error) {
	if err := refusal.IPVS(f.Cluster, f.Present(), facts); err != nil {
		return nil, err
	}
	control, err := f.ControlPlane()
	if err != nil {
		return nil, err
	}
	proof := &verdict.Proof{}
	asked := askAll(ctx, f, control)
	for _, n := range f.Present() {
		proof.Checks = append(proof.Checks, asked[n.Name]...)
		proof.Checks = append(proof.Checks, checkNode(f.Cluster, n, facts[n.Name], leftOut(f))...)
		proof.Checks = append(proof.Checks, checkMetrics(f.Cluster, n, facts[n.Name])...)
	}
	holders := map[netip.Addr]string{}
	for i, vip := range f.Cluster.VIPs {
		holder, check := node.Holder(vip, f.Everyone(), facts), checkHolder(vip, f.Everyone(), facts)
		holders[vip] = holder
		if i == 0 {
			proof.Holder = holder
		}
		if wanted := f.Cluster.Preferred[vip]; check.OK && wanted != "" && wanted != holder {
			check.Detail += "; " + wanted + " takes it over when its checks pass"
		}
		proof.Checks = append(proof.Checks, check)
	}
	proof.Checks = append(proof.Checks, asked[""]...)
	proof.Checks = append(proof.Checks, proveServices(ctx, f, control, holders, facts)...)
	proof.Checks = append(proof.Checks, proveWorkers(ctx, f, control, facts)...)
	return proof, nil
}

func proveRemoved(ctx context.Context, f *fleet.Fleet, facts map[string]*node.Facts) (*verdict.Proof, error) {
	control, err := f.ControlPlane()
	if err != nil {
		return nil, err
	}
	proof := &verdict.Proof{}
	asked := askAll(ctx, f, control)
	for _, n := range f.Present() {
		proof.Checks = append(proof.Checks, asked[n.Name]...)
		for _, vip := range f.Cluster.VIPs {
			held := verdict.Check{Node: n.Name, What: fmt.Sprintf("does not hold %s", vip), OK: !facts[n.Name].Holds(vip), Detail: "ok"}
			if !held.OK && hadBefore(facts[n.Name], vip) {
				held.OK, held.Detail = true, "it does, as before kplb: "+render.KeepalivedPath+" has it"
			} else if !held.OK {
				held.Detail = "it still does"
			}
			proof.Checks = append(proof.Checks, held)
		}
	}
	return proof, nil
}

// askAll asks every apiserver and every VIP at once. The key is the node's name, empty
// for the VIPs.
func askAll(ctx context.Context, f *fleet.Fleet, control *apiserver.ControlPlane) map[string][]verdict.Check {
	present := f.Present()
	entrances := f.Cluster.Entrances()
	answers := make([][]verdict.Check, len(present)+len(entrances))
	var wg sync.WaitGroup
	ask := func(i int, node, through string, at netip.AddrPort, paths ...string) {
		for j, err := range control.Reach(ctx, through, at, paths...) {
			answers[i] = append(answers[i], answer(node, fmt.Sprintf("%s on %s", paths[j], at), err))
		}
	}
	for i, n := range present {
		wg.Go(func() { ask(i, n.Name, n.Name, f.Cluster.APIServerAddress(n), "/healthz", "/readyz") })
	}
	for i, at := range entrances {
		wg.Go(func() { ask(len(present)+i, "", present[0].Name, at, "/healthz") })
	}
	wg.Wait()
	out := map[string][]verdict.Check{"": slices.Concat(answers[len(present):]...)}
	for i, n := range present {
		out[n.Name] = answers[i]
	}
	return out
}

// leftOut are the control-plane nodes that cannot be reached.
func leftOut(f *fleet.Fleet) map[string]bool {
	out := map[string]bool{}
	for _, n := range f.Cluster.Nodes {
		out[n.Name] = true
	}
	for _, n := range f.Present() {
		delete(out, n.Name)
	}
	return out
}

func answer(node, what string, err error) verdict.Check {
	c := verdict.Check{Node: node, What: what, OK: err == nil, Detail: "ok, TLS verified"}
	if err != nil {
		c.Detail = err.Error()
		var name *apiserver.NameError
		c.MissingSAN = errors.As(err, &name) && name.Answers
		c.Hint = hintOf(err)
	}
	return c
}

// hintOf is the hint of an error, or one that helps with most others.
func hintOf(err error) string {
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		return hinted.Hint()
	}
	return "check what listens there (`ss -ltnp` on the node) and its log, and look for a firewall on the way"
}

// hadBefore says whether the node's keepalived has the VIP by a file that kplb has not
// written.
func hadBefore(f *node.Facts, vip netip.Addr) bool {
	config := f.Files[render.KeepalivedPath].Content
	return f.Units["keepalived.service"].Active == "active" && render.Stamp(config) == render.Unstamped &&
		keepalived.Held{Address: vip}.CarriedOn(keepalived.Parse(config).Holds())
}
