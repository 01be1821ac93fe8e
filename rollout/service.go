package rollout

import (
	"fmt"

	"github.com/kplb/kplb/inventory"
)

// ownPort is a port of the inventory's, and the key that has it.
type ownPort struct {
	key  string
	port uint16
}

// ownServicePorts are the ports that HAProxy has for services, on a control-plane
// node.
func ownServicePorts(c *inventory.Cluster) []ownPort {
	var out []ownPort
	for i, s := range c.Services {
		out = append(out, ownPort{fmt.Sprintf("services[%d].port", i), s.Port})
	}
	if c.NeedsPeers() {
		out = append(out, ownPort{"haproxy.peersPort", c.HAProxy.PeersPort})
	}
	if c.Metrics.OnNode() {
		out = append(out, ownPort{"metrics.port", c.Metrics.Port})
	}
	return out
}
