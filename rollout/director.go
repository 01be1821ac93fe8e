package rollout

import (
	"fmt"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/verdict"
)

// refuseProof says why there is nothing to prove where no kernel can have it.
func (r *Rollout) refuseProof(facts map[string]*Facts) error {
	return plan.RefuseIPVS(r.Cluster, r.Present(), facts)
}

// checkMarks wants the table of nftables to be as it should be.
func checkMarks(c *inventory.Cluster, n inventory.Node, f *Facts) verdict.Check {
	check := verdict.Check{Node: n.Name, What: fmt.Sprintf("nftables marks %s for the kernel", inventory.Join(c.Entrances(), " and ")), OK: plan.MarksVIP(f, c), Detail: fmt.Sprintf("mark %d", render.IPVSMark)}
	if !check.OK {
		check.Detail, check.Cure = "table ip kplb is not as it should be: the node's own apiserver answers, or nobody", "run `kplb apply`; look at who flushes the ruleset (`systemctl status nftables`)"
	}
	return check
}
