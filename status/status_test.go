package status

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// statusFleet is three nodes that keepalived has said something of.
func statusFleet(t *testing.T) *fakeFleet {
	f := newFleet(t, applied)
	for name, n := range f.Nodes {
		n.Facts.VRRP = map[string]string{"KPLB": "BACKUP"}
		if name == "node-1" {
			n.Facts.VRRP["KPLB"] = "MASTER"
		}
	}
	return f
}

// sampled is what statusFleet shows.
func sampled() []NodeStatus {
	out := make([]NodeStatus, 3)
	for i := range out {
		out[i] = NodeStatus{
			Node: fmt.Sprintf("node-%d", i+1), HAProxy: "active", Keepalived: "active", ServersUp: 3, Servers: 3, Generation: "1",
			VRRP: []VRRPStatus{{Instance: "KPLB", State: "BACKUP"}}, Apiserver: &ReadyStatus{3, 3, []string{"L7OK"}},
		}
	}
	out[0].Holder, out[0].VRRP[0].State = true, "MASTER"
	return out
}

// TestStatusOfNodes has something else about every node.
func TestStatusOfNodes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := statusFleet(t)
		n2, n3 := f.Nodes["node-2"].Facts, f.Nodes["node-3"].Facts
		edit(n2, render.HAProxyPath, "leastconn", "roundrobin")
		delete(n2.Files, render.SysctlPath)
		n2.Servers[1].Status, n2.Servers[1].Check = "DOWN", "L7STS/500"
		put(n2, "/var/lib/kplb/pending/txn", 0o600, []byte("abc"))
		put(n2, "/var/lib/kplb/pending/about", 0o600, []byte("bob@laptop"))
		certificate, _ := plantest.PEM(t, authority.Certificate(t, time.Now().Add(80*time.Hour), nil, "127.9.1.9", "127.9.1.2"))
		put(n2, kubeadm.CertificatePath, 0o644, certificate)
		put(n3, kubeadm.ManifestPath, 0o600, []byte("kind: Pod"))
		put(n3, kubeadm.CertificatePath, 0o644, certificate)
		put(n3, "/var/lib/kplb/restored", 0o600, []byte("reason=boot\ntime=now\nabout=ann\n"))
		n3.Addresses = n3.Addresses[:1]
		n3.Servers = nil
		set(n3, "keepalived.service", func(u *node.Unit) { u.Active = "failed" })
		got, err := Look(t.Context(), f.Fleet, planner(f.Fleet))
		says(t, err, "")
		want := sampled()
		three := DaysRemaining(3)
		want[0].Apiserver = &ReadyStatus{2, 2, []string{"L7OK"}}
		want[1] = NodeStatus{
			Node: "node-2", HAProxy: "active", Keepalived: "active", ServersUp: 2, Servers: 3, Generation: "1",
			VRRP: want[1].VRRP, Apiserver: &ReadyStatus{1, 2, []string{"L7OK", "L7STS/500"}}, Certificate: &three,
			Drift: []Drift{{render.SysctlPath, "is missing"}, {render.HAProxyPath, "differs"}}, Pending: "bob@laptop",
		}
		want[2] = NodeStatus{ // whose the certificate is says the manifest
			Node: "node-3", HAProxy: "active", Keepalived: "failed", Generation: "1", Restored: "a change (ann) was taken back at now: boot",
			Apiserver: want[0].Apiserver,
			Refused:   []string{"no interface has the node's address 127.9.1.3", "/etc/kubernetes/manifests/kube-apiserver.yaml has no spec.containers"},
		}
		same(t, "nodes", got.Nodes, want)
		same(t, "as planned", got.AsPlanned(), false)
		same(t, "VIPs", got.VIPs, []VIPStatus{{"127.9.1.9", "KPLB", []string{"node-1"}}})
		same(t, "whose servers", got.SeenBy, "node-1")
		same(t, "servers", got.Servers, []ServerStatus{{"node-1", "UP", "L7OK", 0}, {"node-2", "UP", "L7OK", 0}, {"node-3", "UP", "L7OK", 0}})
		same(t, "connections to a node", f.Dialed["node-2"], 1)
		f.Ends()
	})
}

func TestStatusAsPlanned(t *testing.T) {
	t.Parallel()
	good := func() *Status {
		return &Status{VIPs: []VIPStatus{{Holders: []string{"a"}}}, Nodes: []NodeStatus{{HAProxy: "active", Keepalived: "active"}, {Worker: true}}}
	}
	same(t, "as planned", good().AsPlanned(), true)
	for name, differ := range map[string]func(*Status, *NodeStatus){
		"drift":       func(_ *Status, n *NodeStatus) { n.Drift = []Drift{{"/etc/x", "differs"}} },
		"refused":     func(_ *Status, n *NodeStatus) { n.Refused = []string{"no"} },
		"pending":     func(_ *Status, n *NodeStatus) { n.Pending = "ann" },
		"haproxy":     func(_ *Status, n *NodeStatus) { n.HAProxy = "activating" },
		"keepalived":  func(_ *Status, n *NodeStatus) { n.Keepalived = "failed" },
		"unreachable": func(_ *Status, n *NodeStatus) { n.Unreachable = "no route to host" },
		"no holder":   func(s *Status, _ *NodeStatus) { s.VIPs[0].Holders = nil },
		"two holders": func(s *Status, _ *NodeStatus) { s.VIPs[0].Holders = []string{"a", "b"} },
	} {
		other := good()
		differ(other, &other.Nodes[0])
		same(t, name, other.AsPlanned(), false)
	}
}

// TestStatusInTrouble: what cannot be looked at is a part of the answer.
func TestStatusInTrouble(t *testing.T) {
	t.Run("a node is gone, and it was the holder", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := statusFleet(t)
			f.Nodes["node-1"].Dial = func(int) error { return errors.New("node-1: no route to host") }
			got, err := Look(t.Context(), f.Fleet, planner(f.Fleet))
			says(t, err, "")
			same(t, "node", got.Nodes[0], NodeStatus{Node: "node-1", Unreachable: "node-1: no route to host", Apiserver: &ReadyStatus{2, 2, []string{"L7OK"}}})
			same(t, "VIPs", got.VIPs, []VIPStatus{{"127.9.1.9", "KPLB", []string{}}})
			same(t, "whose servers", got.SeenBy, "node-2")
			same(t, "why", got.Failed.Error(), "node-1: no route to host")
			f.Ends()
		})
	})
	t.Run("all are gone", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := statusFleet(t)
			for _, n := range f.Nodes {
				n.Dial = func(int) error { return errors.New(n.ID + ": no route to host") }
			}
			_, err := Look(t.Context(), f.Fleet, planner(f.Fleet))
			says(t, err, "node-1: no route to host\nnode-2: no route to host\nnode-3: no route to host")
		})
	})
	t.Run("interrupted", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := statusFleet(t)
			ctx, interrupt := context.WithCancel(t.Context())
			f.Nodes["node-2"].On["inspect"] = func(ctx context.Context, _ remote.Script, _ say) error {
				interrupt()
				return ctx.Err()
			}
			if _, err := Look(ctx, f.Fleet, planner(f.Fleet)); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			f.Ends()
		})
	})
}

// TestVRRPStates: without keepalived's word the address tells, and says so.
func TestVRRPStates(t *testing.T) {
	t.Parallel()
	r := fleetOf(t, home)
	f := applied(t, r.Cluster, r.Cluster.Nodes[0])
	f.VRRP = nil
	states := func() []VRRPStatus { return vrrpStates(r.Cluster, r.Cluster.Nodes[0], f) }
	same(t, "it has the VIP", states(), []VRRPStatus{{"KPLB", "MASTER", true}})
	f.Addresses = slices.DeleteFunc(f.Addresses, func(a node.Address) bool { return a.Prefix.Addr() == r.Cluster.VIP })
	same(t, "it has not", states(), []VRRPStatus{{"KPLB", "BACKUP", true}})
	f.VRRP = map[string]string{"KPLB": "FAULT", "another": "MASTER"}
	same(t, "its own word", states(), []VRRPStatus{{"KPLB", "FAULT", false}})
	set(f, "keepalived.service", func(u *node.Unit) { u.Active = "inactive" })
	same(t, "it does not run", len(states()), 0)
	set(f, "keepalived.service", func(u *node.Unit) { u.Active = "active" })
	same(t, "a worker", len(vrrpStates(r.Cluster, inventory.Node{Name: "w", Worker: true}, f)), 0)
}

func TestReadyText(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]*ReadyStatus{
		"-":                                  nil,
		"ready":                              {3, 3, []string{"L7OK/200"}},
		"answers 401":                        {3, 3, []string{"L7OK/401"}},
		"not ready: L4CON":                   {0, 2, []string{"L4CON"}},
		"ready for 1 of 2: L4TOUT, L7OK/200": {1, 2, []string{"L4TOUT", "L7OK/200"}},
	} {
		same(t, want, fmt.Sprint(s), want)
	}
}

func TestFloor(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]int{0: 0, time.Second: 0, 49 * time.Hour: 2, -time.Second: -1, -24 * time.Hour: -1, -25 * time.Hour: -2} {
		same(t, d.String(), floor(d, 24*time.Hour), want)
	}
}

// TestWatch: a node that hangs holds up nobody, and one that is lost comes
// back.
func TestWatch(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := statusFleet(t)
		ctx, stop := context.WithCancel(t.Context())
		hangs := 0
		look := f.Nodes["node-3"].Default("inspect")
		f.Nodes["node-3"].On["inspect"] = func(ctx context.Context, s remote.Script, say say) error {
			if hangs++; hangs == 2 {
				select {
				case <-ctx.Done():
				case <-time.After(15 * time.Second):
				}
				return errGone
			}
			return look(ctx, s, say)
		}
		begun := time.Now()
		said := map[string][]float64{}
		err := Watch(ctx, f.Fleet, planner(f.Fleet), 2*time.Second, func(s *Status) error {
			at := time.Since(begun).Seconds()
			for _, n := range s.Nodes {
				same(t, "the others answer", n.Node == "node-3" || n.Unreachable == "", true)
			}
			if what := s.Nodes[2].Unreachable; what != "" {
				said[what] = append(said[what], at)
			}
			if at == 10 { // the VIP moves
				f.Locked(func() {
					n1, n2 := f.Nodes["node-1"].Facts, f.Nodes["node-2"].Facts
					n1.Addresses, n2.Addresses = n1.Addresses[:2], append(n2.Addresses, node.Address{Interface: "eth0", Prefix: netip.PrefixFrom(f.Cluster.VIP, 32)})
				})()
			}
			if at != 12 { // when they may be looked at just before, or just after
				holder := "node-1"
				if at > 10 {
					holder = "node-2"
				}
				same(t, "holder", s.VIPs[0].Holders, []string{holder})
			}
			if at >= 24 {
				stop()
			}
			return nil
		})
		says(t, err, "")
		same(t, "late, lost, and back", slices.Sorted(maps.Keys(said)), []string{
			"node-3: no answer for 10s", "node-3: no answer for 12s", "node-3: no answer for 14s", "node-3: no answer for 16s", "node-3: no answer for 6s", "node-3: no answer for 8s",
			"node: connection lost",
		})
		same(t, "connections to it", f.Dialed["node-3"], 2)
		f.Ends()
	})
}

func TestWatchBegins(t *testing.T) {
	t.Run("when a second has passed", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := statusFleet(t)
			f.Nodes["node-2"].On["inspect"] = func(ctx context.Context, _ remote.Script, _ say) error {
				<-ctx.Done()
				return ctx.Err()
			}
			enough := errors.New("enough")
			begun := time.Now()
			err := Watch(t.Context(), f.Fleet, planner(f.Fleet), time.Minute, func(s *Status) error {
				same(t, "after", time.Since(begun), time.Second)
				same(t, "node-2", s.Nodes[1].Unreachable, "node-2: no answer yet")
				return enough
			})
			says(t, err, "enough")
			f.Ends()
		})
	})
	t.Run("never, where it is interrupted before", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := statusFleet(t)
			ctx, stop := context.WithCancel(t.Context())
			stop()
			says(t, Watch(ctx, f.Fleet, planner(f.Fleet), time.Second, func(*Status) error { t.Error("shown"); return nil }), "")
			f.Ends()
		})
	})
}

// TestWatchOfAMove: the nodes are not looked at in the same moment, and a VIP
// that moves is never on two of them; one that is on two is told of.
func TestWatchOfAMove(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := statusFleet(t)
		for i, n := range f.Cluster.Nodes { // each takes longer than the one before
			look := f.Nodes[n.Name].Default("inspect")
			f.Nodes[n.Name].On["inspect"] = func(ctx context.Context, s remote.Script, say say) error {
				time.Sleep(time.Duration(i) * 700 * time.Millisecond)
				return look(ctx, s, say)
			}
		}
		have := func(name string, vip bool) {
			facts := f.Nodes[name].Facts
			facts.Addresses = slices.DeleteFunc(facts.Addresses, func(a node.Address) bool { return a.Prefix.Addr() == f.Cluster.VIP })
			if vip {
				facts.Addresses = append(facts.Addresses, node.Address{Interface: "eth0", Prefix: netip.PrefixFrom(f.Cluster.VIP, 32)})
			}
		}
		time.AfterFunc(4100*time.Millisecond, f.Locked(func() { have("node-1", false); have("node-2", true) }))
		time.AfterFunc(9100*time.Millisecond, f.Locked(func() { have("node-2", false); have("node-1", true) }))
		time.AfterFunc(15100*time.Millisecond, f.Locked(func() { have("node-2", true) }))
		enough := errors.New("enough")
		begun := time.Now()
		var seen []string
		err := Watch(t.Context(), f.Fleet, planner(f.Fleet), 500*time.Millisecond, func(s *Status) error {
			holders := fmt.Sprint(s.VIPs[0].Holders)
			if len(seen) == 0 || seen[len(seen)-1] != holders {
				seen = append(seen, holders)
			}
			if time.Since(begun) > 20*time.Second {
				return enough
			}
			return nil
		})
		says(t, err, "enough")
		seen = slices.DeleteFunc(seen, func(s string) bool { return s == "[]" })
		same(t, "while it moves", seen[:3], []string{"[node-1]", "[node-2]", "[node-1]"})
		same(t, "when it is on two", seen[len(seen)-1], "[node-1 node-2]")
		f.Ends()
	})
}

// TestIPVS has the real servers in place of HAProxy's.
func TestIPVS(t *testing.T) {
	t.Parallel()
	r := fleetOf(t, strings.Replace(home, "haproxy:\n  monitorPort: 8404\n", "exposure: ipvs\n", 1))
	facts := all(t, r.Cluster, applied)
	facts["node-1"].RealServers[1].Active, facts["node-1"].RealServers[1].Inactive = 4, 1
	facts["node-1"].RealServers = facts["node-1"].RealServers[:2]
	seen := make([]sample, 3)
	for i, n := range r.Cluster.Nodes {
		facts[n.Name].Servers = fleet.IPVSServers(facts[n.Name], r.Cluster)
		seen[i].facts = facts[n.Name]
	}
	s := assess(r.Cluster, r.Cluster.Nodes, seen, planner(r))
	same(t, "the kernel balances", s.Kernel, true)
	same(t, "servers", s.Servers, []ServerStatus{{"node-1", "UP", "SSL_GET ok", 0}, {"node-2", "UP", "SSL_GET ok", 5}, {"node-3", "DOWN", "SSL_GET failed", 0}})
	same(t, "ready", s.Nodes[0].Apiserver.String(), "ready")
	same(t, "ready for two", s.Nodes[2].Apiserver.String(), "ready for 2 of 3: SSL_GET failed, SSL_GET ok")
	same(t, "as planned", s.AsPlanned(), true)
	facts["node-2"].Units[render.IPVSUnit] = node.Unit{Active: "inactive"}
	s = assess(r.Cluster, r.Cluster.Nodes, seen, planner(r))
	same(t, "its unit is stopped", s.Nodes[1].AsPlanned(), false)
}
