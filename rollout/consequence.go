package rollout

import (
	"fmt"
	"strings"

	"github.com/kplb/kplb/render"
)

// Consequences says in words what carrying out the node's plan does there.
func (n NodePlan) Consequences() []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if len(n.Packages) > 0 {
		say("packages installed: %s", strings.Join(n.Packages, ", "))
	}
	if len(n.open) > 0 {
		say("ufw lets through: %s", listed(n.open))
	}
	if len(n.close) > 0 {
		say("ufw does not let through any more: %s", listed(n.close))
	}
	switch n.Sysctl {
	case SysctlOn:
		say("sysctl applied")
	case SysctlOff:
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
	if n.HAProxy != Leave {
		say("haproxy: %s", map[Action]string{
			Start: "starts", Reload: "reloads, no connection is refused",
			Restart: "restarts, connections through this node end", Stop: "stops",
		}[n.HAProxy])
	}
	if n.Redirect != Leave {
		say("nftables: %s", map[Action]string{Start: "sends the VIP's port to haproxy on " + joined(n.serves, " and "), Stop: "does not send the VIP's port elsewhere any more"}[n.Redirect])
	}
	if n.Director != Leave {
		say("nftables: %s", map[Action]string{Start: "marks what is for the VIP's port, and the kernel sends it to the apiservers", Stop: "marks nothing for the kernel any more"}[n.Director])
	}
	switch {
	case n.waits:
		say("keepalived: stops, and starts when the VIP's holder has changed")
	case n.Keepalived != Leave:
		say("keepalived: %s", map[Action]string{Start: "starts", Reload: "reloads", Restart: "restarts", Stop: "stops"}[n.Keepalived])
	}
	if said := n.metricsConsequence(); said != "" {
		say("%s", said)
	}
	if n.Kubelet != Leave {
		say("kubelet: restarts, pods go on")
	}
	if n.leaves() {
		say("the VIP leaves this node")
	}
	if n.takes {
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

// leaves says whether the VIP goes to another node. It does not where the
// kernel balances before HAProxy stops; it does where no HAProxy can start
// before the apiserver has left its port.
func (n NodePlan) leaves() bool {
	switch {
	case !n.Holder:
		return false
	case n.Director == Start:
		return n.Keepalived == Stop
	}
	return n.HAProxy == Restart || n.HAProxy == Stop || n.Keepalived == Stop || n.Director == Stop && n.Listen != ""
}

func listed(rules []render.Rule) string {
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
