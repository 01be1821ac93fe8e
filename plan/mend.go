package plan

import (
	"net/netip"
	"slices"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// MayMend says whether an apiserver that is not ready may be so once the plan is carried
// out, because of what the plan changes. One that crashes for reasons of its own is not
// mended by a change of where it listens.
func (n NodePlan) MayMend(c *inventory.Cluster, f *node.Facts) bool {
	manifest := f.Files[f.Distribution.Layout().APIServerConfig].Content
	at := ListenAddrPort(ListenAddress(f.Distribution, manifest, c.Port), c.Port)
	switch {
	case f.Bound(at) || APIServerListens(f, AnyAddress(c.Port)): // clients do not trust or reach it
		return n.Certificate != nil || len(n.UFWAllow) > 0
	case runsAPIServer(f, c.Port):
		return n.Manifest != nil
	case !at.Addr().IsUnspecified() && !f.Holds(at.Addr()): // it cannot have that address
		return n.Manifest != nil
	}
	return takesPort(f, at, manifest) && (n.Manifest != nil || n.HAProxy != node.Leave)
}

// takesPort says whether HAProxy keeps the apiserver of a manifest from its port.
func takesPort(f *node.Facts, at netip.AddrPort, manifest []byte) bool {
	if shares, set, err := f.Distribution.Flag(manifest, distribution.APIServer, "permit-port-sharing"); err == nil && set && shares != "false" {
		return false
	}
	return slices.ContainsFunc(f.Listeners, func(l node.Listener) bool {
		has := l.Address.Addr()
		return l.IsHAProxy() && l.Address.Port() == at.Port() && (has == at.Addr() || has.IsUnspecified() || at.Addr().IsUnspecified())
	})
}
