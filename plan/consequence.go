package plan

import (
	"fmt"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// Consequences says, one sentence each, what carrying out the plan does on the
// node.
func (n NodePlan) Consequences() []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if len(n.Packages) > 0 {
		say("packages installed: %s", strings.Join(n.Packages, ", "))
	}
	if len(n.UFWAllow) > 0 {
		say("ufw lets through: %s", ListRules(n.UFWAllow))
	}
	if len(n.UFWDelete) > 0 {
		say("ufw does not let through any more: %s", ListRules(n.UFWDelete))
	}
	switch n.Sysctl {
	case node.SysctlOn:
		say("sysctl applied")
	case node.SysctlOff:
		say("sysctl taken away")
	}
	if n.Certificate != nil {
		say("%s", n.Certificate)
	}
	switch {
	case n.Manifest != nil:
		say("apiserver restarts, about %s without this one", n.Restart.Usual)
	case strings.HasPrefix(n.Listen, "*"):
		say("waits for the apiserver to listen on every address")
	case n.Listen != "":
		say("waits for the apiserver to listen on %s only", n.Listen)
	}
	if n.HAProxy != node.Leave {
		say("haproxy: %s", map[node.Action]string{
			node.Start: "starts", node.Reload: "reloads, no connection is refused",
			node.Restart: "restarts, connections through this node end", node.Stop: "stops",
		}[n.HAProxy])
	}
	if n.Redirect != node.Leave {
		say("nftables: %s", map[node.Action]string{node.Start: "sends the VIP's port to haproxy on " + inventory.Join(n.HAProxyListens, " and "), node.Stop: "does not send the VIP's port elsewhere any more"}[n.Redirect])
	}
	if n.IPVS != node.Leave {
		say("nftables: %s", map[node.Action]string{node.Start: "marks what is for the VIP's port, and the kernel sends it to the apiservers", node.Stop: "marks nothing for the kernel any more"}[n.IPVS])
	}
	switch {
	case n.StartKeepalivedLast:
		say("keepalived: stops, and starts when the VIP's holder has changed")
	case n.Keepalived != node.Leave:
		say("keepalived: %s", map[node.Action]string{node.Start: "starts", node.Reload: "reloads", node.Restart: "restarts", node.Stop: "stops"}[n.Keepalived])
	}
	if said := n.metricsConsequence(); said != "" {
		say("%s", said)
	}
	if n.Kubelet != node.Leave {
		say("kubelet: restarts, pods go on")
	}
	if n.losesVIP() {
		say("the VIP leaves this node")
	}
	if n.FailsBack {
		say("the VIP comes to this node, which has the highest priority (failback)")
	}
	if len(n.Enable) > 0 {
		say("enabled at boot: %s", strings.Join(n.Enable, ", "))
	}
	if len(n.Disable) > 0 {
		say("not started at boot any more: %s", strings.Join(n.Disable, ", "))
	}
	return out
}

// losesVIP says whether the VIP moves to another node meanwhile. It stays where
// the kernel balances before HAProxy stops. It moves where HAProxy can start only
// after the apiserver has left its port.
func (n NodePlan) losesVIP() bool {
	switch {
	case !n.Holder:
		return false
	case n.IPVS == node.Start:
		return n.Keepalived == node.Stop
	}
	return n.HAProxy == node.Restart || n.HAProxy == node.Stop || n.Keepalived == node.Stop || n.IPVS == node.Stop && n.Listen != ""
}

// ListRules lists rules for people.
func ListRules(rules []render.Rule) string {
	out := make([]string, len(rules))
	for i, r := range rules {
		out[i] = r.String()
	}
	return strings.Join(out, "; ")
}

// Overwrites lists the files that a person edited after kplb wrote them.
func (n NodePlan) Overwrites() []string {
	var out []string
	for _, c := range n.Files() {
		if c.Stamp == render.Edited {
			out = append(out, c.Path)
		}
	}
	return out
}
