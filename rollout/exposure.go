package rollout

import (
	"fmt"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
)

// checkExposure judges how the node's own apiserver can be reached, and its HAProxy.
func checkExposure(c *inventory.Cluster, n inventory.Node, f *node.Facts) []Check {
	at := apiserverOf(c, n)
	check := Check{Node: n.Name, What: "apiserver has its own address only", OK: f.Bound(at), Detail: at.String()}
	if c.Exposure != inventory.BindAddress {
		check.What = map[bool]string{true: "apiserver listens", false: "apiserver listens beside haproxy"}[c.Exposure == inventory.IPVS]
		check.OK = f.Bound(at) || plan.APIServerListens(f, plan.AnyAddress(c.Port))
		check.Detail = listening(f, c.Port)
	}
	if c.Exposure == inventory.SharedPort {
		check.OK = plan.APIServerListens(f, plan.AnyAddress(c.Port))
	}
	if !check.OK {
		check.Detail, check.Cure = "listens on "+listening(f, c.Port), "run `kplb apply`"
	}
	switch c.Exposure {
	case inventory.Redirect:
	case inventory.IPVS:
		return []Check{check, checkMarks(c, n, f)}
	default:
		return []Check{check}
	}
	sent := Check{Node: n.Name, What: fmt.Sprintf("nftables sends %s to haproxy", inventory.Join(c.Entrances(), " and ")), OK: plan.RedirectsVIP(f, c), Detail: inventory.Join(c.Frontends(), " and ")}
	if !sent.OK {
		sent.Detail, sent.Cure = "table ip kplb is not as it should be: the node's own apiserver answers", "run `kplb apply`; look at who flushes the ruleset (`systemctl status nftables`)"
	}
	return []Check{check, sent}
}
