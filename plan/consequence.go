package plan

import (
	"fmt"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// Consequences lists what carrying out the plan does on the node, one line each.
func (n NodePlan) Consequences() []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if len(n.Packages) > 0 {
		say("packages installed: %s", strings.Join(n.Packages, ", "))
	}
	if len(n.UFWAllow) > 0 {
		say("ufw allows: %s", ListRules(n.UFWAllow))
	}
	if len(n.UFWDelete) > 0 {
		say("ufw no longer allows: %s", ListRules(n.UFWDelete))
	}
	switch n.Sysctl {
	case node.SysctlOn:
		say("sysctl applied")
	case node.SysctlOff:
		say("sysctl restored")
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
		say("nftables: %s", map[node.Action]string{node.Start: "sends the VIP's port to haproxy on " + inventory.Join(n.HAProxyListens, " and "), node.Stop: "no longer redirects the VIP's port"}[n.Redirect])
	}
	if n.IPVS != node.Leave {
		say("nftables: %s", map[node.Action]string{node.Start: "marks connections to the VIP's port, which the kernel balances to the apiservers", node.Stop: "no longer marks connections for the kernel"}[n.IPVS])
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
		say("kubelet: restarts, pods keep running")
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
		say("disabled at boot: %s", strings.Join(n.Disable, ", "))
	}
	return out
}

// losesVIP says whether the VIP moves to another node during the change. It stays if
// the kernel balances before HAProxy stops. It moves if HAProxy can start only after
// the apiserver has left its port.
func (n NodePlan) losesVIP() bool {
	switch {
	case !n.Holder:
		return false
	case n.IPVS == node.Start:
		return n.Keepalived == node.Stop
	}
	return n.HAProxy == node.Restart || n.HAProxy == node.Stop || n.Keepalived == node.Stop || n.IPVS == node.Stop && n.Listen != ""
}

// ListRules writes rules as one line for people.
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
