package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/verdict"
)

// checkStates checks that keepalived reports MASTER for a VRRP instance on exactly one
// node, the one that holds its VIPs, and that all others are ready to take over.
func checkStates(g inventory.Group, nodes []inventory.Node, facts map[string]*node.Facts) verdict.Check {
	in := map[string][]string{} // the nodes, by state
	for _, n := range nodes {
		state := facts[n.Name].VRRP[g.Name]
		in[state] = append(in[state], n.Name)
	}
	var words []string
	for _, state := range []string{"MASTER", "BACKUP", "FAULT"} {
		if in[state] != nil {
			words = append(words, strings.Join(in[state], " and ")+": "+state)
		}
	}
	unknown := in[""]
	check := verdict.Check{What: fmt.Sprintf("one keepalived is MASTER of VRRP instance %s", g.Name)}
	no := func(hint string) verdict.Check {
		if unknown != nil {
			words = append(words, strings.Join(unknown, " and ")+": unknown, the journal does not say")
		}
		check.Hint, check.Detail = hint, strings.Join(words, "; ")
		return check
	}
	holds := func(name string) bool { return facts[name].Holds(g.Announced()) }
	switch masters := in["MASTER"]; {
	case len(masters) > 1:
		return no("the nodes do not hear each other's VRRP adverts (IP protocol 112): look for a firewall between them, and run `kplb doctor`")
	case in["FAULT"] != nil:
		return no("look at `systemctl status haproxy` and `journalctl -u keepalived` on " + strings.Join(in["FAULT"], " and ") + ": it cannot take the VIP")
	case len(masters) == 1 && !holds(masters[0]):
		return no("look at `journalctl -u keepalived` on " + masters[0] + ": something removed the VIP from its interface, and it has not noticed")
	case len(masters) == 0 && !slices.ContainsFunc(unknown, holds):
		return no("look at `journalctl -u keepalived` on the nodes")
	}
	if unknown != nil {
		words = append(words, "left out "+strings.Join(unknown, ", ")+": the journal does not say")
	}
	check.OK, check.Detail = true, strings.Join(words, "; ")
	return check
}
