package rollout

import (
	"fmt"
	"slices"

	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/render"
)

// refuseProof says why there is nothing to prove where no kernel can have it.
func (r *Rollout) refuseProof(facts map[string]*node.Facts) error {
	return plan.RefuseIPVS(r.Cluster, r.present(), facts)
}

// sslOK is what a server's check says that answers /readyz.
const sslOK = "SSL_GET ok"

// directs makes servers of them, as HAProxy's statistics do: one for each
// apiserver, which is DOWN where the kernel does not have it, and those that no
// apiserver of the inventory is.
func directs(f *node.Facts, c *inventory.Cluster) []haproxy.ServerState {
	if f.Directed == nil {
		return nil
	}
	well, ill := sslOK, "SSL_GET failed"
	if c.Director.Check == inventory.CheckTCP {
		well, ill = "TCP_CHECK ok", "TCP_CHECK failed"
	}
	rest := slices.Clone(f.Directed)
	out := make([]haproxy.ServerState, 0, len(c.Nodes))
	for _, n := range c.Nodes {
		s := haproxy.ServerState{Name: n.Name, Status: "DOWN", Check: ill}
		i := slices.IndexFunc(rest, func(d node.RealServer) bool { return d.At == apiserverOf(c, n) && d.Method == "Masq" && d.Weight > 0 })
		if i >= 0 {
			s.Status, s.Check, s.Sessions = "UP", well, rest[i].Active+rest[i].Inactive
			rest = slices.Delete(rest, i, i+1)
		}
		out = append(out, s)
	}
	for _, d := range rest {
		out = append(out, haproxy.ServerState{Name: d.At.String(), Status: "UP", Check: "unknown", Sessions: d.Active + d.Inactive})
	}
	return out
}

// checkMarks wants the table of nftables to be as it should be.
func checkMarks(c *inventory.Cluster, n inventory.Node, f *node.Facts) Check {
	check := Check{Node: n.Name, What: fmt.Sprintf("nftables marks %s for the kernel", inventory.Join(c.Entrances(), " and ")), OK: plan.MarksVIP(f, c), Detail: fmt.Sprintf("mark %d", render.IPVSMark)}
	if !check.OK {
		check.Detail, check.Cure = "table ip kplb is not as it should be: the node's own apiserver answers, or nobody", "run `kplb apply`; look at who flushes the ruleset (`systemctl status nftables`)"
	}
	return check
}
