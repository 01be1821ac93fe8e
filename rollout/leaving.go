package rollout

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"

	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/keepalived"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// A node that is not in the inventory any more is still a server of the
// others' haproxy.cfg, or of their keepalived.conf with ipvs: that is how it is known. It goes back to what was there
// before kplb, before the others forget it: a keepalived that nobody sends
// adverts to would take the VIP.

// nodeName is what a node can be called in an inventory.
var nodeName = regexp.MustCompile(`^[a-z0-9.-]+$`)

// serversIn are the apiservers that kplb's own files on the node send
// connections to: name, and ADDRESS:PORT.
func serversIn(f *node.Facts) [][2]string {
	var out [][2]string
	if config := f.Files[render.HAProxyPath].Content; render.Stamp(config) != render.Unstamped {
		for _, s := range haproxy.Parse(config).Servers() {
			plain := len(s.Options) == 0 || len(s.Options) == 2 && s.Options[0] == "tcp-ut" // those of services have more
			if plain && nodeName.MatchString(s.Name) {
				out = append(out, [2]string{s.Name, s.Address})
			}
		}
	}
	if config := f.Files[render.KeepalivedPath].Content; render.Stamp(config) != render.Unstamped {
		for _, s := range keepalived.NamedRealServers(config) {
			out = append(out, [2]string{s.Name, s.Address.String()})
		}
	}
	return out
}

// leavers finds the servers of kplb's own files that the inventory does not
// have, by name or by address.
func leavers(c *inventory.Cluster, facts map[string]*node.Facts) []inventory.Node {
	known := func(name string, at netip.Addr) bool {
		return slices.ContainsFunc(slices.Concat(c.Nodes, c.Workers), func(n inventory.Node) bool { return n.Name == name || n.Address == at })
	}
	var out []inventory.Node
	for _, n := range c.Nodes {
		f := facts[n.Name]
		if f == nil {
			continue
		}
		for _, server := range serversIn(f) {
			name := remote.Clean(server[0])
			at, err := netip.ParseAddrPort(server[1])
			if err != nil || known(name, at.Addr()) || slices.ContainsFunc(out, func(n inventory.Node) bool { return n.Name == name }) {
				continue
			}
			ssh := c.SSH
			ssh.Host = at.Addr().String()
			out = append(out, inventory.Node{Name: name, Address: at.Addr(), SSH: ssh})
		}
	}
	return out
}

// goneError says that a node which left the inventory cannot be brought back to
// what it was.
type goneError struct {
	name string
	error
}

func (e *goneError) Unwrap() error { return e.error }

func (e *goneError) Error() string {
	return fmt.Sprintf("%s is not in the inventory any more, and has to be cleaned: %v", e.name, e.error)
}

// Hint is the cure.
func (e *goneError) Hint() string {
	return "if the machine is gone for good, give --forget " + e.name + "; never let it come back to this network with its keepalived running"
}

// inspectLeavers finds and inspects the nodes that leave, but for those that
// are to be forgotten.
func (r *Rollout) inspectLeavers(ctx context.Context, facts map[string]*node.Facts) (map[string]*node.Facts, error) {
	r.leaving = slices.DeleteFunc(leavers(r.Cluster, facts), func(n inventory.Node) bool { return slices.Contains(r.Forgotten, n.Name) })
	if len(r.leaving) == 0 {
		return facts, nil
	}
	r.wide = true
	facts, err := r.inspectNodes(ctx, r.leaving, r.usual())
	var failed NodeErrors
	if errors.As(err, &failed) {
		for name, err := range failed {
			failed[name] = &goneError{name, err}
		}
		return nil, failed
	}
	return facts, err
}

// planLeaver brings a node back to what was there before kplb. One that has
// left the cluster already has no manifest any more.
func (r *Rollout) planLeaver(ctx context.Context, n inventory.Node, f *node.Facts) (NodePlan, error) {
	if f.Generation() == "" {
		p := newNodePlan(r.Cluster, n, f)
		p.Leaving = true
		return p, nil
	}
	p, _, err := r.planNodeBack(ctx, n, f, 0)
	if p.Certificate != nil { // the others still send clients of the VIP there
		p.Certificate = nil
		p.note("the certificate of its apiserver stays as it is, and is for the VIP, too")
	}
	return p, err
}

// forgetLeavers removes what kplb keeps on them.
func (r *Rollout) forgetLeavers(ctx context.Context) error {
	return r.each(r.leaving, func(n inventory.Node) error { return r.forget(ctx, n) })
}
