package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// Consequences lists what carrying out the plan does on the node, one line each.
func (n NodePlan) Consequences() []string {
	var out consequences
	out.foreignConfiguration(n)
	out.system(n)
	out.apiserver(n)
	out.balancing(n)
	out.keepalived(n)
	out.metrics(n)
	out.kubelet(n)
	out.vip(n)
	out.boot(n)
	return out
}

// consequences are lines for people.
type consequences []string

func (c *consequences) say(format string, args ...any) { *c = append(*c, fmt.Sprintf(format, args...)) }

// system says what changes on the machine itself: packages, firewall and kernel.
func (c *consequences) system(n NodePlan) {
	if len(n.Packages) > 0 {
		c.say("packages installed: %s", strings.Join(n.Packages, ", "))
	}
	if len(n.UFWAllow) > 0 {
		c.say("ufw allows: %s", ListRules(n.UFWAllow))
	}
	if len(n.UFWDelete) > 0 {
		c.say("ufw no longer allows: %s", ListRules(n.UFWDelete))
	}
	switch n.Sysctl {
	case node.SysctlOn:
		c.say("sysctl applied")
	case node.SysctlOff:
		c.say("sysctl restored")
	}
}

func (c *consequences) apiserver(n NodePlan) {
	if n.Certificate != nil {
		c.say("%s", n.Certificate)
	}
	switch {
	case n.Manifest != nil && n.APIServerAway:
		c.say("the apiserver's manifest is restored; it does not run, and is not waited for")
	case n.Manifest != nil:
		c.say("apiserver restarts, about %s without this one", n.Restart.Usual)
	case strings.HasPrefix(n.Listen, "*"):
		c.say("waits for the apiserver to listen on every address")
	case n.Listen != "":
		c.say("waits for the apiserver to listen on %s only", n.Listen)
	}
}

// balancing says what happens to what brings connections to the apiservers: HAProxy,
// and the rules of nftables.
func (c *consequences) balancing(n NodePlan) {
	if n.HAProxy != node.Leave {
		c.say("haproxy: %s", map[node.Action]string{
			node.Start: "starts", node.Reload: "reloads, no connection is refused",
			node.Restart: "restarts, connections through this node end", node.Stop: "stops",
		}[n.HAProxy])
	}
	if n.Redirect != node.Leave {
		c.say("nftables: %s", map[node.Action]string{
			node.Start: "sends the VIP's port to haproxy on " + inventory.Join(n.HAProxyListens, " and "),
			node.Stop:  "no longer redirects the VIP's port",
		}[n.Redirect])
	}
	if n.IPVS != node.Leave {
		c.say("nftables: %s", map[node.Action]string{
			node.Start: "marks connections to the VIP's port, which the kernel balances to the apiservers",
			node.Stop:  "no longer marks connections for the kernel",
		}[n.IPVS])
	}
}

func (c *consequences) keepalived(n NodePlan) {
	switch {
	case n.StartKeepalivedLast:
		c.say("keepalived: stops, and starts when the VIP's holder has changed")
	case n.Keepalived != node.Leave:
		c.say("keepalived: %s", map[node.Action]string{node.Start: "starts", node.Reload: "reloads", node.Restart: "restarts", node.Stop: "stops"}[n.Keepalived])
	}
}

// metrics says what happens to the timer that writes them.
func (c *consequences) metrics(n NodePlan) {
	i := slices.IndexFunc(n.Changes, func(change Change) bool { return change.Path == render.MetricsTimerPath })
	switch {
	case i < 0:
	case n.Changes[i].Remove:
		c.say(render.MetricsTimer + ": stops, and its output is removed")
	case n.Changes[i].Was == nil:
		c.say(render.MetricsTimer + ": starts")
	}
}

func (c *consequences) kubelet(n NodePlan) {
	if n.Kubelet != node.Leave {
		c.say("kubelet: restarts, pods keep running")
	}
}

// vip says where the VIP moves.
func (c *consequences) vip(n NodePlan) {
	if n.losesVIP() {
		c.say("the VIP leaves this node")
	}
	if n.FailsBack {
		c.say("the VIP comes to this node, which has the highest priority (failback)")
	}
}

// boot says which units start at boot from now on, and which do not.
func (c *consequences) boot(n NodePlan) {
	if len(n.Enable) > 0 {
		c.say("enabled at boot: %s", strings.Join(n.Enable, ", "))
	}
	if len(n.Disable) > 0 {
		c.say("disabled at boot: %s", strings.Join(n.Disable, ", "))
	}
}

// ListRules writes rules as one line for people.
func ListRules(rules []render.Rule) string {
	out := make([]string, len(rules))
	for i, r := range rules {
		out[i] = r.String()
	}
	return strings.Join(out, "; ")
}
