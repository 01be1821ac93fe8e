package verify

import (
	"fmt"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/verdict"
)

// checkExposure checks where the node's own apiserver and its HAProxy listen.
func checkExposure(c *inventory.Cluster, n inventory.Node, f *node.Facts) []verdict.Check {
	at := c.APIServerAddress(n)
	check := verdict.Check{Node: n.Name, What: "apiserver has its own address only", OK: f.Bound(at), Detail: at.String()}
	if c.Exposure != inventory.BindAddress {
		check.What = "apiserver listens beside haproxy"
		if c.Exposure == inventory.IPVS {
			check.What = "apiserver listens"
		}
		check.OK = f.Bound(at) || plan.APIServerListens(f, plan.AnyAddress(c.Port))
		check.Detail = listening(f, c.Port)
	}
	if c.Exposure == inventory.SharedPort {
		check.OK = plan.APIServerListens(f, plan.AnyAddress(c.Port))
	}
	if !check.OK {
		check.Detail, check.Hint = "listens on "+listening(f, c.Port), "run `kplb apply`"
	}
	switch c.Exposure {
	case inventory.Redirect:
	case inventory.IPVS:
		return []verdict.Check{check, checkMarks(c, n, f)}
	default:
		return []verdict.Check{check}
	}
	sent := verdict.Check{Node: n.Name, What: fmt.Sprintf("nftables sends %s to haproxy", inventory.Join(c.Entrances(), " and ")), OK: plan.RedirectsVIP(f, c), Detail: inventory.Join(c.Frontends(), " and ")}
	if !sent.OK {
		sent.Detail, sent.Hint = "table ip kplb differs from what kplb wrote: the node's own apiserver answers", "run `kplb apply`; look for what flushes the ruleset (`systemctl status nftables`)"
	}
	return []verdict.Check{check, sent}
}

// checkMarks checks kplb's nftables table for exposure: ipvs.
func checkMarks(c *inventory.Cluster, n inventory.Node, f *node.Facts) verdict.Check {
	check := verdict.Check{Node: n.Name, What: fmt.Sprintf("nftables marks %s for the kernel", inventory.Join(c.Entrances(), " and ")), OK: plan.MarksVIP(f, c), Detail: fmt.Sprintf("mark %d", render.IPVSMark)}
	if !check.OK {
		check.Detail, check.Hint = "table ip kplb differs from what kplb wrote: the node's own apiserver answers, or nobody", "run `kplb apply`; look for what flushes the ruleset (`systemctl status nftables`)"
	}
	return check
}
