package rollout

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kplb/kplb/inventory"
)

// Check is one thing that was looked at.
type Check struct {
	Node   string `json:"node,omitempty"` // empty: the VIP, or the cluster
	What   string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
	Cure   string `json:"cure,omitempty"`

	// MissingSAN says that it would be OK, but for the address missing in the
	// certificate: the answer is right, and the certificate the cluster's.
	MissingSAN bool `json:"missingSAN,omitempty"`
	// Bearable says that no change is taken back for it: the control plane does
	// not depend on it.
	Bearable bool `json:"bearable,omitempty"`
}

// String is for one line.
func (c Check) String() string {
	return strings.TrimPrefix(c.Node+": ", ": ") + c.What + ": " + c.Detail
}

// Proof is the result of a verification.
type Proof struct {
	Checks []Check `json:"checks"`
	Holder string  `json:"holder,omitempty"`
}

// OK says whether every check passed.
func (p *Proof) OK() bool {
	for _, c := range p.Checks {
		if !c.OK {
			return false
		}
	}
	return len(p.Checks) > 0
}

// Works says whether nothing is wrong but addresses that are missing in
// certificates, and services that nobody answers: no change of kplb's mends
// that, and none makes it worse.
func (p *Proof) Works() bool {
	for _, c := range p.Checks {
		if !c.OK && !c.MissingSAN && !c.Bearable {
			return false
		}
	}
	return len(p.Checks) > 0
}

// Verify looks at the nodes and through the VIP until everything is as it
// should be, for at most patience, and returns what it saw last. Its error
// says that looking itself did not work, or is a RefusedError.
func (r *Rollout) Verify(ctx context.Context, patience time.Duration) (*Proof, error) {
	return r.until(ctx, patience, r.prove)
}

// VerifyGone wants every apiserver to answer on its own address, and no node
// to hold the VIP: what is left when kplb's files are.
func (r *Rollout) VerifyGone(ctx context.Context, patience time.Duration) (*Proof, error) {
	return r.until(ctx, patience, r.proveGone)
}

// until looks again and again until a proof comes true, for at most patience.
func (r *Rollout) until(ctx context.Context, patience time.Duration, prove func(context.Context, map[string]*Facts) (*Proof, error)) (*Proof, error) {
	deadline := time.Now().Add(patience)
	over := proving
	over.Over = true
	defer r.report(over)
	for {
		facts, err := r.Inspect(ctx)
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

// firstNo is the first check that does not pass.
func (p *Proof) firstNo() string {
	for _, c := range p.Checks {
		if !c.OK && !c.MissingSAN {
			return c.String()
		}
	}
	return ""
}

// again is how long a proof that did not come true waits before the next try.
const again = 500 * time.Millisecond

// Prove verifies with the facts of a plan that was just made.
func (r *Rollout) Prove(ctx context.Context, p *Plan) (*Proof, error) {
	return r.prove(ctx, p.facts)
}

func (r *Rollout) prove(ctx context.Context, facts map[string]*Facts) (*Proof, error) {
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

func (r *Rollout) proveGone(ctx context.Context, facts map[string]*Facts) (*Proof, error) {
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
	var wg sync.WaitGroup
	ask := func(i int, node string, from Host, at netip.AddrPort, paths ...string) {
		for j, err := range r.reach(ctx, from, ca, at, paths...) {
			answers[i] = append(answers[i], answer(node, fmt.Sprintf("%s on %s", paths[j], at), err))
		}
	}
	for i, n := range present {
		wg.Go(func() { ask(i, n.Name, r.hosts[n.Name], apiserverOf(r.Cluster, n), "/healthz", "/readyz") })
	}
	for i, at := range entrances {
		wg.Go(func() { ask(len(present)+i, "", r.hosts[present[0].Name], at, "/healthz") })
	}
	wg.Wait()
	out := map[string][]Check{"": slices.Concat(answers[len(present):]...)}
	for i, n := range present {
		out[n.Name] = answers[i]
	}
	return out
}

func answer(node, what string, err error) Check {
	c := Check{Node: node, What: what, OK: err == nil, Detail: "ok, TLS verified"}
	if err != nil {
		c.Detail = err.Error()
		var san *sanError
		c.MissingSAN = errors.As(err, &san) && san.answers
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

// checkNode judges what the inspection found.
func checkNode(c *inventory.Cluster, n inventory.Node, f *Facts, absent map[string]bool) []Check {
	return append(checkExposure(c, n, f), checkServers(c, n, f, absent))
}

// checkServers wants the node's HAProxy, or its kernel, to have every apiserver up.
func checkServers(c *inventory.Cluster, n inventory.Node, f *Facts, absent map[string]bool) Check {
	up, all := 0, len(f.Servers)
	var down []string
	for _, s := range f.Servers {
		switch {
		case s.Up():
			up++
		case absent[s.Name]:
		default:
			down = append(down, fmt.Sprintf("%s is %s (%s)", s.Name, s.Status, s.Check))
		}
	}
	by, silent := "haproxy", fmt.Sprintf("haproxy does not answer on 127.0.0.1:%d", c.HAProxy.MonitorPort)
	if c.Exposure == inventory.IPVS && !n.Worker {
		by, silent = "keepalived", "the kernel has no virtual server of kplb's in /proc/net/ip_vs"
	}
	balanced := Check{Node: n.Name, What: by + " sees its servers", Detail: fmt.Sprintf("%d of %d up", up, all)}
	balanced.OK = len(down) == 0 && up > 0 && all == len(c.Nodes)
	switch {
	case f.Servers == nil:
		balanced.Detail = silent
		balanced.Cure = "look at `journalctl -u " + by + "` on the node"
	case !balanced.OK:
		if len(down) > 0 {
			balanced.Detail += ": " + strings.Join(down, ", ")
		}
		if all != len(c.Nodes) {
			balanced.Detail += fmt.Sprintf(", and %d nodes", len(c.Nodes))
		}
		balanced.Cure = "look at /readyz of those apiservers, and at `journalctl -u " + by + "` on the node"
	}
	return balanced
}

// checkWorker wants the node's kubelet to go through the VIP, or its balancer.
func checkWorker(c *inventory.Cluster, n inventory.Node, f *Facts) Check {
	check := Check{Node: n.Name, What: fmt.Sprintf("kubelet is connected to %s", joined(kubeletAt(c), " or ")), OK: f.Connected, Detail: "ok"}
	if !check.OK {
		check.Detail, check.Cure = "it is not", "look at `journalctl -u kubelet` on the node, and at the server in "+kubeletPath
	}
	return check
}

func listening(f *Facts, port uint16) string {
	var out []string
	for _, l := range f.Listeners {
		if l.Process == apiserverProcess && l.Address.Port() == port {
			out = append(out, l.Address.String())
		}
	}
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, ", ")
}

// checkHolder wants the VIP on exactly one node.
func checkHolder(vip netip.Addr, nodes []inventory.Node, facts map[string]*Facts) (string, Check) {
	var holders []string
	for _, n := range nodes {
		if f := facts[n.Name]; f != nil && f.Holds(vip) {
			holders = append(holders, n.Name)
		}
	}
	check := Check{What: fmt.Sprintf("one node holds %s", vip), OK: len(holders) == 1, Detail: strings.Join(holders, ", ")}
	switch len(holders) {
	case 0:
		check.Detail, check.Cure = "no node does", "look at `journalctl -u keepalived` on the nodes: FAULT names the reason"
	case 1:
		return holders[0], check
	default:
		check.Cure = "the nodes do not hear each other's VRRP adverts (IP protocol 112): look for a firewall between them"
	}
	return "", check
}
