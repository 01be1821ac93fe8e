package inventory

import "net/netip"

// Listen is where Prometheus finds HAProxy's metrics on a node.
type Listen string

// The monitor page on 127.0.0.1 has them in any case.
const (
	Loopback     Listen = "loopback"
	NodesAddress Listen = "node" // on a port of the node's own address, too
)

// Metrics says what a node has for Prometheus beside HAProxy's monitor page.
type Metrics struct {
	Listen      Listen
	Port        uint16         `json:",omitempty"` // of the node's address; 0: none
	AllowFrom   []netip.Prefix `json:",omitempty"` // who may ask there; nil: everybody
	TextfileDir string         // of node_exporter's textfile collector: kplb.prom is written where it exists
}

// OnNode says whether HAProxy has a port for Prometheus on the node's address.
func (m *Metrics) OnNode() bool { return m != nil && m.Listen == NodesAddress }

// Quorum is how many apiservers etcd needs to take a write: more than half of
// the control-plane nodes.
func (c *Cluster) Quorum() int { return len(c.Nodes)/2 + 1 }
