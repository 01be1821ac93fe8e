package rollout

import (
	"fmt"
	"strings"
	"time"

	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/render"
)

// apiserverRestart is how long kubelet takes to restart an apiserver whose
// manifest changed, measured on a kubeadm cluster.
const apiserverRestart = 49 * time.Second

// Consequences says in words what carrying out the node's plan does there.
func (n NodePlan) Consequences() []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if len(n.Packages) > 0 {
		say("packages installed: %s", strings.Join(n.Packages, ", "))
	}
	if n.Sysctl {
		say("sysctl applied")
	}
	switch {
	case n.changes(kubeadm.ManifestPath):
		say("apiserver restarts, about %s without this one", apiserverRestart)
	case n.APIServer:
		say("waits for the apiserver to listen on %s only", n.Node.Address)
	}
	if n.HAProxy != Leave {
		say("haproxy: %s", map[Action]string{
			Start: "starts", Reload: "reloads, no connection is refused",
			Restart: "restarts, connections through this node end",
		}[n.HAProxy])
	}
	if n.Keepalived != Leave {
		say("keepalived: %s", map[Action]string{Start: "starts", Reload: "reloads"}[n.Keepalived])
	}
	if n.Holder && n.HAProxy == Restart {
		say("the VIP moves to another node")
	}
	if len(n.Enable) > 0 {
		say("enabled at boot: %s", strings.Join(n.Enable, ", "))
	}
	return out
}

func (n NodePlan) changes(path string) bool {
	for _, c := range n.Changes {
		if c.Path == path {
			return true
		}
	}
	return false
}

// Overwrites lists the files that a person edited after kplb wrote them.
func (n NodePlan) Overwrites() []string {
	var out []string
	for _, c := range n.Changes {
		if c.Stamp == render.Edited {
			out = append(out, c.Path)
		}
	}
	return out
}
