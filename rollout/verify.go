package rollout

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
)

// Verify looks at the nodes and through the VIP until everything is as it
// should be, for at most patience, and returns what it saw last. Its error
// says that looking itself did not work, or is a RefusedError.
func (r *Rollout) Verify(ctx context.Context, patience time.Duration) (*Proof, error) {
	return r.until(ctx, patience, r.usual(), r.prove)
}

// VerifyGone wants every apiserver to answer on its own address, and no node
// to hold the VIP: what is left when kplb's files are.
func (r *Rollout) VerifyGone(ctx context.Context, patience time.Duration) (*Proof, error) {
	return r.until(ctx, patience, r.usual(), r.proveGone)
}

// until looks again and again until a proof comes true, for at most patience.
func (r *Rollout) until(ctx context.Context, patience time.Duration, more inspection, prove func(context.Context, map[string]*node.Facts) (*Proof, error)) (*Proof, error) {
	deadline := time.Now().Add(patience)
	over := proving
	over.Over = true
	defer r.report(over)
	for {
		facts, err := r.inspectAll(ctx, more)
		if err != nil {
			return nil, err
		}
		proof, err := prove(ctx, facts)
		if err != nil || proof.Works() || time.Now().After(deadline) {
			return proof, err
		}
		waits := proving
		waits.Waits = proof.firstNo()
		r.report(waits)
		select {
		case <-ctx.Done():
			return proof, ctx.Err()
		case <-time.After(again):
		}
	}
}

// again is how long a proof that did not come true waits before the next try.
const again = 500 * time.Millisecond

// Prove verifies with the facts of a plan that was just made.
func (r *Rollout) Prove(ctx context.Context, p *plan.Plan) (*Proof, error) {
	return r.prove(ctx, p.Facts)
}

func (r *Rollout) prove(ctx context.Context, facts map[string]*node.Facts) (*Proof, error) {
	if err := r.refuseProof(facts); err != nil {
		return nil, err
	}
	ca, err := r.authority()
	if err != nil {
		return nil, err
	}
	proof := &Proof{}
	asked := r.askAll(ctx, ca)
	for _, n := range r.present() {
		proof.Checks = append(proof.Checks, asked[n.Name]...)
		proof.Checks = append(proof.Checks, checkNode(r.Cluster, n, facts[n.Name], r.absent)...)
		proof.Checks = append(proof.Checks, checkMetrics(r.Cluster, n, facts[n.Name])...)
	}
	holders := map[netip.Addr]string{}
	for i, vip := range r.Cluster.VIPs {
		holder, check := checkHolder(vip, r.everyone(), facts)
		holders[vip] = holder
		if i == 0 {
			proof.Holder = holder
		}
		if wanted := r.Cluster.Preferred[vip]; check.OK && wanted != "" && wanted != holder {
			check.Detail += ", and " + wanted + " takes it when it is well"
		}
		proof.Checks = append(proof.Checks, check)
	}
	proof.Checks = append(proof.Checks, asked[""]...)
	proof.Checks = append(proof.Checks, r.proveServices(ctx, holders, facts)...)
	proof.Checks = append(proof.Checks, r.proveWorkers(ctx, ca, facts)...)
	return proof, nil
}

func (r *Rollout) proveGone(ctx context.Context, facts map[string]*node.Facts) (*Proof, error) {
	ca, err := r.authority()
	if err != nil {
		return nil, err
	}
	proof := &Proof{}
	asked := r.askAll(ctx, ca)
	for _, n := range r.present() {
		proof.Checks = append(proof.Checks, asked[n.Name]...)
		for _, vip := range r.Cluster.VIPs {
			held := Check{Node: n.Name, What: fmt.Sprintf("does not hold %s", vip), OK: !facts[n.Name].Holds(vip), Detail: "ok"}
			if !held.OK {
				held.Detail = "it still does"
			}
			proof.Checks = append(proof.Checks, held)
		}
	}
	return proof, nil
}

// askAll asks every apiserver, and every VIP, at once. The key is the node's
// name, empty for the VIPs.
func (r *Rollout) askAll(ctx context.Context, ca *x509.CertPool) map[string][]Check {
	present := r.present()
	entrances := r.Cluster.Entrances()
	answers := make([][]Check, len(present)+len(entrances))
	control := r.controlPlane(ca)
	var wg sync.WaitGroup
	ask := func(i int, name, through string, at netip.AddrPort, paths ...string) {
		for j, err := range control.Reach(ctx, through, at, paths...) {
			answers[i] = append(answers[i], answer(name, fmt.Sprintf("%s on %s", paths[j], at), err))
		}
	}
	for i, n := range present {
		wg.Go(func() { ask(i, n.Name, n.Name, r.Cluster.APIServerAddress(n), "/healthz", "/readyz") })
	}
	for i, at := range entrances {
		wg.Go(func() { ask(len(present)+i, "", present[0].Name, at, "/healthz") })
	}
	wg.Wait()
	out := map[string][]Check{"": slices.Concat(answers[len(present):]...)}
	for i, n := range present {
		out[n.Name] = answers[i]
	}
	return out
}

func answer(name, what string, err error) Check {
	c := Check{Node: name, What: what, OK: err == nil, Detail: "ok, TLS verified"}
	if err != nil {
		c.Detail = err.Error()
		var name *apiserver.NameError
		c.MissingSAN = errors.As(err, &name) && name.Answers
		c.Cure = cureOf(err)
	}
	return c
}

// cureOf is what an error says itself, or what helps with most others.
func cureOf(err error) string {
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		return hinted.Hint()
	}
	return "look at who listens there (`ss -ltnp` on the node), at its log, and for a firewall on the way"
}
