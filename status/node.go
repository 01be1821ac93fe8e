package status

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/render"
)

// NodeStatus is a node at a glance.
type NodeStatus struct {
	Node        string         `json:"node"`
	Worker      bool           `json:"worker,omitempty"`
	Unreachable string         `json:"unreachable,omitempty"` // why the node was not looked at: nothing else is known of it
	Holder      bool           `json:"holdsVIP"`
	VIPs        []string       `json:"vips,omitempty"` // that it holds, where the cluster has several
	VRRP        []VRRPStatus   `json:"vrrp,omitempty"` // a state for each VRRP instance, while keepalived runs
	HAProxy     string         `json:"haproxy"`        // systemd's word
	IPVS        string         `json:"ipvs,omitempty"` // systemd's word of kplb-ipvs, where the kernel balances
	Keepalived  string         `json:"keepalived"`     // systemd's word
	ServersUp   int            `json:"serversUp"`
	Servers     int            `json:"servers"`
	Apiserver   *ReadyStatus   `json:"apiserver,omitempty"` // nil: no HAProxy says anything
	Generation  string         `json:"generation"`
	Drift       []Drift        `json:"drift,omitempty"`    // files that are not as the inventory says
	Refused     []string       `json:"refused,omitempty"`  // what keeps an apply from starting
	Pending     string         `json:"pending,omitempty"`  // whose change is awaiting confirmation
	Restored    string         `json:"restored,omitempty"` // the change that the node took back by itself
	Certificate *DaysRemaining `json:"certificateDays,omitempty"`
	Balancer    bool           `json:"balancer,omitempty"` // of a worker: it is to have one
}

// Drift is a file that is not as the inventory says. In JSON it is its path.
type Drift struct{ Path, Difference string }

func (d Drift) String() string { return d.Path + " " + d.Difference }

// MarshalText is the path.
func (d Drift) MarshalText() ([]byte, error) { return []byte(d.Path), nil }

// DaysRemaining is how many whole days a certificate is valid; below 0 it is
// not any more.
type DaysRemaining int

// VRRPStatus is the state of one VRRP instance.
type VRRPStatus struct {
	Instance string `json:"instance"`
	State    string `json:"state"` // MASTER, BACKUP or FAULT
	// Derived says that keepalived's own word is not in the journal any more,
	// and the state is told from the address.
	Derived bool `json:"derived,omitempty"`
}

// ReadyStatus is what the nodes' HAProxy know of an apiserver: each asks it
// /readyz all the time, over TLS. With ipvs it is their keepalived.
type ReadyStatus struct {
	Ready int      `json:"ready"` // so many of them had an answer that counts
	Asked int      `json:"asked"`
	Says  []string `json:"says"` // the different results, in HAProxy's words, with the HTTP status: L7OK/200
}

// AsPlanned says whether nothing is to be done on the node.
func (s NodeStatus) AsPlanned() bool {
	return s.Unreachable == "" && len(s.Drift) == 0 && len(s.Refused) == 0 && s.Pending == "" &&
		(s.Worker && (!s.Balancer || s.HAProxy == "active") || s.balances() && s.Keepalived == "active")
}

// balances says whether what sends connections on is there.
func (s NodeStatus) balances() bool {
	if s.IPVS != "" {
		return s.IPVS == "active"
	}
	return s.HAProxy == "active"
}

// assessNode judges a node by what was found on it, and by what an apply would do.
// The plan may have failed.
func assessNode(c *inventory.Cluster, n inventory.Node, f *node.Facts, p plan.NodePlan, failed error) NodeStatus {
	pending, _ := f.Pending()
	s := NodeStatus{
		Node: n.Name, Worker: n.Worker, Holder: f.HoldsAny(c.VIPs), Servers: len(f.Servers), Generation: f.Generation(),
		HAProxy: f.Units["haproxy.service"].Active, Keepalived: f.Units["keepalived.service"].Active,
		Pending: pending.About, Restored: f.Restored(), VRRP: vrrpStates(c, n, f),
		Balancer: n.Worker && c.WorkerBalancer != nil,
	}
	if c.Exposure == inventory.IPVS && !n.Worker {
		s.IPVS = cmp.Or(f.Units[render.IPVSUnit].Active, "inactive")
	}
	for _, vip := range c.VIPs {
		if len(c.VIPs) > 1 && f.Holds(vip) {
			s.VIPs = append(s.VIPs, vip.String())
		}
	}
	for _, server := range f.Servers {
		if server.Up() {
			s.ServersUp++
		}
	}
	if until := kubeadm.Expiry(servedCertificate(f)); !until.IsZero() {
		left := DaysRemaining(floor(time.Until(until), 24*time.Hour))
		s.Certificate = &left
	}
	for _, refusal := range refusal.OnNode(c, n, f) {
		s.Refused = append(s.Refused, refusal.What)
	}
	s.Refused = append(s.Refused, p.Ends()...)
	if failed != nil {
		s.Refused = append(s.Refused, refusal.Reasons(failed)...)
		return s
	}
	for _, change := range p.Files() {
		s.Drift = append(s.Drift, Drift{change.Path, change.Difference()})
	}
	return s
}

// floor divides, and rounds down, not to zero.
func floor(d, by time.Duration) int {
	n := int(d / by)
	if d%by < 0 {
		n--
	}
	return n
}

// vrrpStates is what keepalived has said last of each instance; nil where it
// does not run.
func vrrpStates(c *inventory.Cluster, n inventory.Node, f *node.Facts) []VRRPStatus {
	if n.Worker || f.Units["keepalived.service"].Active != "active" {
		return nil
	}
	var out []VRRPStatus
	for _, g := range c.Groups() {
		s := VRRPStatus{Instance: g.Name, State: f.VRRP[g.Name]}
		if s.State == "" {
			s.Derived, s.State = true, "BACKUP"
			if f.Holds(g.Announced()) {
				s.State = "MASTER"
			}
		}
		out = append(out, s)
	}
	return out
}

// readiness is what all HAProxy say of the node's apiserver.
func readiness(n inventory.Node, facts map[string]*node.Facts) *ReadyStatus {
	out := &ReadyStatus{}
	says := map[string]bool{}
	for _, f := range facts {
		for _, server := range f.Servers {
			if server.Name != n.Name || server.Check == "" {
				continue
			}
			out.Asked++
			if strings.HasPrefix(server.Check, "L7OK") || server.Check == fleet.SSLCheckOK {
				out.Ready++
			}
			says[server.Check] = true
		}
	}
	if out.Asked == 0 {
		return nil
	}
	out.Says = slices.Sorted(maps.Keys(says))
	return out
}

// String is short: ready, or what it says instead.
func (s *ReadyStatus) String() string {
	if s == nil {
		return "-"
	}
	said := strings.Join(s.Says, ", ")
	switch {
	case s.Ready == s.Asked && (said == "L7OK/200" || said == "L7OK" || said == fleet.SSLCheckOK):
		return "ready"
	case s.Ready == s.Asked:
		return "answers " + strings.TrimPrefix(said, "L7OK/")
	case s.Ready == 0:
		return "not ready: " + said
	}
	return fmt.Sprintf("ready for %d of %d: %s", s.Ready, s.Asked, said)
}
