package rollout

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/kplb/kplb/drill"
	"github.com/kplb/kplb/inventory"
)

// DrillOptions say what is broken, and how it is watched.
type DrillOptions struct {
	Faults   []drill.Fault
	Node     string // a control-plane node; empty: whoever holds the first VIP when it is time
	Rounds   int
	Lasts    time.Duration // a fault, before it is put back; in whole seconds
	Every    time.Duration // a new connection begins
	Limit    time.Duration // and has failed without an answer
	Patience time.Duration // until everything is proven again
	Power    time.Duration // until a person has powered a node on
}

// drillGrace is how much longer than its operator a node waits before it puts
// itself back.
const drillGrace = 15 * time.Second

// BrokenError says that a node may still be as a drill has broken it.
type BrokenError struct {
	Node   string
	Fault  drill.Fault
	Within time.Duration // by then the node puts itself back
	Cause  error
}

func (e *BrokenError) Error() string {
	if e.Fault.Off {
		return fmt.Sprintf("%s: is off: %v", e.Node, e.Cause)
	}
	return fmt.Sprintf("%s: is still broken (%s), and puts itself back within %s: %v", e.Node, e.Fault.Name, e.Within, e.Cause)
}

// Unwrap gives the cause.
func (e *BrokenError) Unwrap() error { return e.Cause }

// Hint is the cure.
func (e *BrokenError) Hint() string {
	if e.Fault.Off {
		return "power " + e.Node + " on; nothing on its disk was changed"
	}
	return "rebooting " + e.Node + " puts it back, too; nothing on its disk was changed"
}

// Drill breaks nodes on purpose, one at a time, puts them back, and measures
// what clients of the VIP notice meanwhile. It holds the locks of all nodes
// (LockedError). It begins each fault only when everything is proven (a
// *ProofError otherwise), and only where the others can do without the node
// (RefusedError); the last proof comes after the last fault.
//
// Whatever happens, a node is put back: by this, also when ctx is done; by its
// own timer if the operator is gone; by a reboot. A *BrokenError says that it
// could not be seen to. The report has what was measured until then.
func (r *Rollout) Drill(ctx context.Context, o DrillOptions) (*drill.Report, *Proof, error) {
	unlock, err := r.lock(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	report := &drill.Report{Cluster: r.Cluster.Name, VIP: r.Cluster.Entrance().String(), Began: time.Now(), Every: o.Every, Limit: o.Limit}
	proof, err := r.awaitWell(ctx, o.Patience)
	for round := 1; round <= o.Rounds && err == nil; round++ {
		for _, fault := range o.Faults {
			d := &exercise{r: r, options: o, fault: fault, round: round}
			if d.node, err = r.victim(ctx, o.Node, proof, fault); err != nil {
				return report, proof, err
			}
			d.held = d.node.Name == proof.Holder
			proof, err = d.run(ctx)
			if d.seen != nil {
				report.Runs = append(report.Runs, d.seen)
				report.From = also(report.From, d.from)
			}
			if err != nil {
				break
			}
		}
	}
	report.Proven = err == nil && proof.OK()
	return report, proof, err
}

// also names another place, once.
func also(places, one string) string {
	switch {
	case places == "":
		return one
	case slices.Contains(strings.Split(places, " and "), one):
		return places
	}
	return places + " and " + one
}

// victim is the node that is to be broken next, if the others can do without.
func (r *Rollout) victim(ctx context.Context, name string, proof *Proof, fault drill.Fault) (inventory.Node, error) {
	if name == "" {
		name = proof.Holder
	}
	i := slices.IndexFunc(r.Cluster.Nodes, func(n inventory.Node) bool { return n.Name == name })
	if i < 0 {
		return inventory.Node{}, fmt.Errorf("%s is not a control-plane node of the inventory", name)
	}
	n := r.Cluster.Nodes[i]
	return n, r.dispensable(ctx, n, fault)
}

// dispensable refuses to break a node that the cluster needs.
func (r *Rollout) dispensable(ctx context.Context, n inventory.Node, fault drill.Fault) error {
	refuse := func(what, cure string) error { return &RefusedError{[]Refusal{{Node: n.Name, What: what, Cure: cure}}} }
	if err := waitingRefusals(r.everyone(), r.facts); err != nil {
		return err
	}
	if len(r.present()) < 2 {
		return refuse("is the only control-plane node", "a drill needs a second one that takes over")
	}
	if fault.Name == "apiserver-cut" && !r.facts[n.Name].NFT {
		return refuse("nft is not installed, and apiserver-cut needs it", "install nftables there, or leave it out: name the others with --fault")
	}
	if r.Cluster.Exposure == inventory.IPVS && strings.HasPrefix(fault.Name, "haproxy-") {
		return refuse("has no HAProxy with exposure: ipvs, and "+fault.Name+" breaks it", "leave it out: name the others with --fault")
	}
	if !fault.Cuts {
		return nil
	}
	control := r.controlPlane(nil)
	others, members := 0, 0
	for _, m := range r.Cluster.Nodes {
		known, healthy := control.EtcdHealth(ctx, m.Name)
		if known {
			members++
		}
		if healthy && m.Name != n.Name {
			others++
		}
	}
	if majority := len(r.Cluster.Nodes)/2 + 1; members > 0 && others < majority {
		return refuse(fmt.Sprintf("%s leaves etcd with %d healthy members, fewer than the majority of %d", fault.Name, others, majority),
			"leave it out: name the others with --fault")
	}
	return nil
}

// awaitWell looks until everything is proven: then the last proof is OK, or
// the error says why not.
func (r *Rollout) awaitWell(ctx context.Context, patience time.Duration) (*Proof, error) {
	for end := time.Now().Add(patience); ; {
		proof, err := r.Verify(ctx, 0)
		switch {
		case err == nil && proof.OK():
			return proof, nil
		case ctx.Err() != nil:
			return proof, ctx.Err()
		case time.Now().After(end):
			if err == nil {
				err = &ProofError{proof}
			}
			return proof, err
		}
		r.dropLost(err)
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
}

// vantage is where the clients of the VIP are: here, or on a node that is not
// to be broken.
func (r *Rollout) vantage(ctx context.Context, victim inventory.Node) (drill.DialFunc, string, error) {
	at := r.Cluster.Entrance().String()
	works := func(dial drill.DialFunc) error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		c, err := dial(ctx, "tcp", at)
		if err != nil {
			return err
		}
		return c.Close()
	}
	here := drill.DialFunc((&net.Dialer{}).DialContext) // clients have patience of their own
	if r.Network != nil {
		here = drill.DialFunc(r.Network)
	}
	err := works(here)
	if err == nil {
		return here, "this machine", nil
	}
	errs := []error{fmt.Errorf("nobody reaches %s: from here: %w", at, err)}
	for _, n := range r.present() {
		if h := r.connection(n); h != nil && n.Name != victim.Name {
			if err = works(h.DialContext); err == nil {
				return h.DialContext, n.Name + " (through SSH)", nil
			}
			errs = append(errs, err)
		}
	}
	return nil, "", errors.Join(errs...)
}

// sampler asks the first VIP as any client of the cluster does.
func (r *Rollout) sampler(dial drill.DialFunc, o DrillOptions) (*drill.Sampler, error) {
	ca, err := r.authority()
	if err != nil {
		return nil, err
	}
	at := r.Cluster.Entrance()
	return &drill.Sampler{
		Address: at.String(), Dial: dial, Every: o.Every, Limit: o.Limit, Held: len(r.Cluster.Nodes),
		TLS: &tls.Config{RootCAs: ca, ServerName: at.Addr().String(), MinVersion: tls.VersionTLS12},
	}, nil
}
