package rollout

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// four is home with a node that is still a server of everybody's haproxy.cfg.
func four(t *testing.T) *fakeFleet {
	t.Helper()
	f := newFleet(t, appliedOf)
	extra := inventory.Node{Name: "node-4", Address: netip.MustParseAddr("127.9.1.4"), Priority: 120}
	f.Rollout.Fleet.Cluster.Nodes = append(f.Rollout.Fleet.Cluster.Nodes, extra)
	for i, n := range f.Rollout.Fleet.Cluster.Nodes {
		if i == 3 {
			f.Nodes[n.Name] = &fakeNode{ID: n.Name, Machines: f.Machines, On: map[string]step{}, Saved: map[string]*node.Snapshot{}}
		}
		f.Nodes[n.Name].Facts = applied(t, f.Rollout, n)
	}
	before := fresh(t, f.Rollout.Fleet.Cluster, extra)
	certificate, _ := pemOf(t, authority.Certificate(t, farAhead, []string{"node-4"}))
	put(before, kubeadm.CertificatePath, 0o644, certificate)
	f.Nodes["node-4"].Save("0", before)
	certificate, _ = pemOf(t, authority.Certificate(t, farAhead, []string{"node-4"}, "127.9.1.9"))
	put(f.Nodes["node-4"].Facts, kubeadm.CertificatePath, 0o644, certificate)
	f.Nodes["node-4"].Save("1", f.Nodes["node-4"].Facts)
	f.Nodes["node-4"].Certificate = authority.Certificate(t, farAhead, nil, "127.9.1.4")
	return f
}

func appliedOf(t testing.TB, r *Rollout, n inventory.Node) *node.Facts {
	t.Helper()
	return applied(t, r, n)
}

// TestLeaving has a node go back to what it was before the others forget it.
func TestLeaving(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := four(t)
		f.Rollout.Fleet.Cluster.Nodes = f.Rollout.Fleet.Cluster.Nodes[:3]
		p := f.planned(proven)
		same(t, "order", strings.Join(inventory.Names(nodesOf(p.Nodes)), " "), "node-4 node-2 node-3 node-1")
		same(t, "leaves", p.Nodes[0].Leaving, true)
		same(t, "certificate", p.Nodes[0].Certificate, (*plan.Certificate)(nil))
		same(t, "stops", [2]node.Action{p.Nodes[0].HAProxy, p.Nodes[0].Keepalived}, [2]node.Action{node.Stop, node.Stop})
		same(t, "the others", [2]node.Action{p.Nodes[1].HAProxy, p.Nodes[1].Keepalived}, [2]node.Action{node.Reload, node.Reload})
		_, err := f.Apply(t.Context(), p, options)
		says(t, err, "")
		same(t, "forgotten", f.Times("node-4 forget"), 1)
		same(t, "others stay", f.Times("node-1 forget"), 0)
		inTurn(t, f.Log(), "node-4 activate", "node-2 transact")
		f.Ends()
	})
}

// comesBefore says whether one thing was asked before another.
func comesBefore(log []string, first, second string) bool {
	for _, asked := range log {
		switch asked {
		case first:
			return true
		case second:
			return false
		}
	}
	return false
}

func inTurn(t *testing.T, log []string, first, second string) {
	t.Helper()
	if !comesBefore(log, first, second) {
		t.Errorf("%q does not come before %q in %q", first, second, log)
	}
}

func TestLeavingUnreachable(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := four(t)
		f.Rollout.Fleet.Cluster.Nodes = f.Rollout.Fleet.Cluster.Nodes[:3]
		f.Nodes["node-4"].Dial = func(int) error { return &remote.Error{Host: "node-4", Err: remote.ErrUnreachable} }
		_, err := f.Plan(t.Context())
		says(t, err, "node-4 is no longer in the inventory and has to be cleaned: node-4: is not reachable")
		f.Forgotten = []string{"node-4"}
		_, err = f.Plan(t.Context())
		says(t, err, "node-4: it is not proven to be gone (node-1: 127.9.1.4 is in none of its subnets; node-2: 127.9.1.4 is in none of its subnets; node-3: 127.9.1.4 is in none of its subnets)")
		for _, n := range f.Nodes {
			n.On["doctor"] = func(_ context.Context, _ remote.Script, say say) error {
				say("addresses", "2: eth0    inet 127.9.1.1/16 scope global eth0")
				say("listening", "arp")
				say("done")
				return nil
			}
		}
		p := f.planned(proven)
		same(t, "nodes", len(p.Nodes), 3)
		f.Ends()
	})
}

// TestIdentity changes what VRRP speakers must agree on.
func TestIdentity(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, appliedOf)
		f.Rollout.Fleet.Cluster.VRRP.VirtualRouterID++
		p := f.planned(proven)
		for _, n := range p.Nodes {
			same(t, n.Node.Name+" restarts", n.Keepalived, node.Restart)
			same(t, n.Node.Name+" waits", n.StartKeepalivedLast, !n.Holder)
		}
		_, err := f.Apply(t.Context(), p, options)
		says(t, err, "")
		var keepalived []string
		for _, asked := range f.Log() {
			if strings.HasSuffix(asked, " activate") {
				keepalived = append(keepalived, asked)
			}
		}
		same(t, "the holder in the middle", keepalived[2], "node-1 activate")
		same(t, "steps", len(keepalived), 5)
		same(t, "the last ones start", fleettest.Asked[node.ActivateRequest](f.Machines, "node-2 activate").Keepalived+fleettest.Asked[node.ActivateRequest](f.Machines, "node-3 activate").Keepalived, node.Start+node.Start)
		f.Ends()
	})
}

// TestAnotherVIP: who has the old one is the holder.
func TestAnotherVIP(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, appliedOf)
		f.Rollout.Fleet.Cluster.VIP = netip.MustParseAddr("127.9.1.8")
		f.Rollout.Fleet.Cluster.VIPs = []netip.Addr{f.Rollout.Fleet.Cluster.VIP}
		p := f.planned(nil)
		same(t, "order", strings.Join(inventory.Names(nodesOf(p.Nodes)), " "), "node-2 node-3 node-1")
		same(t, "the others wait", [3]bool{p.Nodes[0].StartKeepalivedLast, p.Nodes[1].StartKeepalivedLast, p.Nodes[2].StartKeepalivedLast}, [3]bool{true, true, false})
		f.Ends()
	})
}

// TestToMulticast is a change of identity like another VRID: who still speaks
// unicast does not hear the others.
func TestToMulticast(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, appliedOf)
		f.Rollout.Fleet.Cluster.VRRP.Mode = inventory.Multicast
		p := f.planned(proven)
		same(t, "order", strings.Join(inventory.Names(nodesOf(p.Nodes)), " "), "node-2 node-3 node-1")
		same(t, "the others wait", [3]bool{p.Nodes[0].StartKeepalivedLast, p.Nodes[1].StartKeepalivedLast, p.Nodes[2].StartKeepalivedLast}, [3]bool{true, true, false})
		_, err := f.Apply(t.Context(), p, options)
		says(t, err, "")
		same(t, "the last ones start", fleettest.Asked[node.ActivateRequest](f.Machines, "node-2 activate").Keepalived+fleettest.Asked[node.ActivateRequest](f.Machines, "node-3 activate").Keepalived, node.Start+node.Start)
		f.Ends()
	})
}

// TestFailback says where the VIP goes by its new order.
func TestFailback(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, appliedOf) // node-1 holds the VIP
		f.Rollout.Fleet.Cluster.VRRP.Failback = true
		f.Rollout.Fleet.Cluster.Nodes[1].Priority = 254
		p := f.planned(nil)
		const comes = "the VIP comes to this node, which has the highest priority (failback)"
		for _, n := range p.Nodes {
			same(t, n.Node.Name, slices.Contains(n.Consequences(), comes), n.Node.Name == "node-2")
			same(t, n.Node.Name+" reloads", n.Keepalived, node.Reload)
		}
		f.Ends()
	})
}

// TestAnonymous has HAProxy expect what the apiservers answer.
func TestAnonymous(t *testing.T) {
	for _, c := range []struct {
		name   string
		codes  map[string]int
		expect string
	}{
		{"everybody may ask", nil, "200"},
		{"nobody unknown may", map[string]int{"node-1": 401, "node-2": 401, "node-3": 401}, "200,401"},
		{"one has changed", map[string]int{"node-3": 403}, "200,403"},
		{"not ready is no refusal", map[string]int{"node-2": 500}, "200"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, freshOf)
				for name, code := range c.codes {
					f.Nodes[name].Ready = func() int { return code }
				}
				p := f.planned(nil)
				for _, n := range p.Nodes {
					for _, change := range n.Changes {
						if change.Path == render.HAProxyPath && !strings.Contains(string(change.Content), "http-check expect status "+c.expect+"\n") {
							t.Errorf("%s does not expect %s", n.Node.Name, c.expect)
						}
					}
				}
				same(t, "told", len(p.Notes()) > 0 && strings.HasPrefix(p.Notes()[0], "apiservers refuse anonymous requests"), c.expect != "200")
				f.Ends()
			})
		})
	}
}

// TestWhoSpeaksListens: who begins to speak VRRP listens for others first.
func TestWhoSpeaksListens(t *testing.T) {
	for _, c := range []struct {
		name    string
		of      func(testing.TB, *Rollout, inventory.Node) *node.Facts
		listens bool
	}{
		{"keepalived starts", freshOf, true},
		{"haproxy.cfg changes", appliedOf, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, c.of)
				f.Change("node-2")
				_, err := f.Apply(t.Context(), f.planned(proven), options)
				says(t, err, "")
				_, listened := f.Given("node-3 doctor")
				same(t, "listens", listened, c.listens)
				f.Ends()
			})
		})
	}
}

// TestAskAnonymously: only where HAProxy has not done so already.
func TestAskAnonymously(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(f *fakeFleet)
		asked  bool
	}{
		{"nothing is to be done", func(*fakeFleet) {}, false},
		{"every HAProxy has got its 200", func(f *fakeFleet) { f.Change() }, false},
		{"one does not answer", func(f *fakeFleet) { f.Change(); f.Nodes["node-2"].Facts.Servers = nil }, true},
		{"one has a server down for its answer", func(f *fakeFleet) {
			f.Nodes["node-2"].Facts.Servers[0] = haproxy.ServerState{Name: "node-1", Status: "DOWN", Check: "L7STS"}
		}, true},
		{"it takes refusals for an answer now", func(f *fakeFleet) {
			for _, n := range f.Nodes {
				edit(n.Facts, render.HAProxyPath, "http-check expect status 200\n", "http-check expect status 200,401\n")
			}
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, appliedOf)
				c.change(f)
				asked := false
				f.Nodes["node-3"].Ready = func() int { asked = true; return 200 }
				f.planned(nil)
				same(t, "asked", asked, c.asked)
				f.Ends()
			})
		})
	}
}
