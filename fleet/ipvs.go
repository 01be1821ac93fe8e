package fleet

import (
	"slices"

	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// SSLCheckOK is the Check of a server with exposure: ipvs whose apiserver answers
// /readyz over TLS.
const SSLCheckOK = "SSL_GET ok"

// IPVSServers lists the kernel's real servers in the form of HAProxy's statistics: one
// for each apiserver, which is DOWN if the kernel does not have it, and those that are no
// apiserver of the inventory. It is nil if the kernel has no virtual server of kplb's.
func IPVSServers(f *node.Facts, c *inventory.Cluster) []haproxy.ServerState {
	if f.RealServers == nil {
		return nil
	}
	up, down := SSLCheckOK, "SSL_GET failed"
	if c.IPVS.Check == inventory.CheckTCP {
		up, down = "TCP_CHECK ok", "TCP_CHECK failed"
	}
	rest := slices.Clone(f.RealServers)
	out := make([]haproxy.ServerState, 0, len(c.Nodes))
	for _, n := range c.Nodes {
		s := haproxy.ServerState{Name: n.Name, Status: "DOWN", Check: down}
		i := slices.IndexFunc(rest, func(d node.RealServer) bool {
			return d.At == c.APIServerAddress(n) && d.Method == "Masq" && d.Weight > 0
		})
		if i >= 0 {
			s.Status, s.Check, s.Sessions = "UP", up, rest[i].Active+rest[i].Inactive
			rest = slices.Delete(rest, i, i+1)
		}
		out = append(out, s)
	}
	for _, d := range rest {
		out = append(out, haproxy.ServerState{Name: d.At.String(), Status: "UP", Check: "unknown", Sessions: d.Active + d.Inactive})
	}
	return out
}
