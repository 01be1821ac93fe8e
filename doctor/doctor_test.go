package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/firewall"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/verdict"
)

// surveyOf is a cluster in which nothing is in the way: its nodes hear each
// other, and nobody else.
func surveyOf(t *testing.T) *Survey {
	t.Helper()
	r := fleetOf(t, home)
	s := &Survey{cluster: r.Cluster, members: r.Cluster.Nodes, pairs: true, facts: all(t, r.Cluster, fresh), observations: map[string]*observation{}}
	now := time.Now()
	for i, n := range r.Cluster.Nodes {
		s.observations[n.Name] = &observation{nonce: n.Name, ended: now.Add(time.Second), Probes: node.Probes{Sent: now}, Observation: node.Observation{
			HasClock: true, Listens: true, AsksARP: true, AsksND: true,
			Addresses: []node.Address{{Interface: "eth0", Prefix: netip.PrefixFrom(n.Address, 16)}},
			MACs:      map[string]string{"eth0": fmt.Sprintf("52:54:00:00:00:0%d", i+1)},
			Heard:     map[string]bool{"node-1": true, "node-2": true, "node-3": true},
			Manifests: map[string][]byte{distribution.APIServer: manifest(t, n), distribution.ControllerManager: manager("--cluster-cidr=10.244.0.0/16,fd00::/48")},
		}}
	}
	return s
}

func neighbour(address, mac string, fresh bool) []node.Neighbour {
	return []node.Neighbour{{Address: netip.MustParseAddr(address), MAC: mac, Fresh: fresh}}
}

func manager(flags ...string) []byte {
	return []byte("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: kube-controller-manager\n    command: [kube-controller-manager, \"" + strings.Join(flags, `", "`) + "\"]\n")
}

// holds gives a node the VIP.
func (s *Survey) holds(name string) {
	t := s.observations[name]
	t.Addresses = append(t.Addresses, node.Address{Interface: "eth0", Prefix: netip.PrefixFrom(s.cluster.VIP, 32)})
}

// TestFindings has node-1 look, with one thing changed, and compares what it
// finds where that is not what it finds in a sound cluster.
func TestFindings(t *testing.T) {
	t.Parallel()
	const noPerl = "no perl on the node"
	foreign := node.Speaker{Address: netip.MustParseAddr("10.1.0.9"), Version: 3, VRID: 51, Priority: 100}
	deaf := func(m *observation) { m.ListenError, m.Listens, m.AsksARP, m.Heard = noPerl, false, false, nil }
	cases := []struct {
		name   string
		change func(s *Survey, mine *observation)
		finds  string
	}{
		{"sound", func(*Survey, *observation) {}, `ok nobody else answers ARP for 10.1.233.1: nobody answers
ok no other router uses VRID 51: no other VRRP router was heard
ok VRRP (IP protocol 112) of the others arrives: from node-2, node-3
ok 10.1.233.1 is outside of the cluster's networks: services 10.96.0.0/12, pods 10.244.0.0/16,fd00::/48
ok ports do not clash with the NodePort range: 30000-32767
ok SELinux and AppArmor are not in the way: neither enforces anything on haproxy or keepalived
`},
		{"a stranger has the VIP", func(_ *Survey, m *observation) {
			m.Answers = map[netip.Addr][]string{netip.MustParseAddr("10.1.233.1"): {"52:54:00:00:00:ff"}}
		},
			`NO nobody else answers ARP for 10.1.233.1: 10.1.233.1 is answered by 52:54:00:00:00:ff, which is no node of the inventory
   stops, at cluster.yaml:4:6; take the address away from that host, or choose a free one as vip
`},
		{"another node has it", func(s *Survey, m *observation) {
			s.holds("node-2")
			m.Answers = map[netip.Addr][]string{netip.MustParseAddr("10.1.233.1"): {"52:54:00:00:00:02"}}
		},
			"ok nobody else answers ARP for 10.1.233.1: answered by node-2\n"},
		{"this node has it", func(s *Survey, _ *observation) { s.holds("node-1") }, "ok nobody else answers ARP for 10.1.233.1: the node holds it\n"},
		{"a node and a stranger have it", func(s *Survey, m *observation) {
			s.holds("node-1")
			m.Answers = map[netip.Addr][]string{netip.MustParseAddr("10.1.233.1"): {"52:54:00:00:00:01", "52:54:00:00:00:ff"}}
		}, `NO nobody else answers ARP for 10.1.233.1: 10.1.233.1 is answered by 52:54:00:00:00:ff, which is no node of the inventory
   stops, at cluster.yaml:4:6; take the address away from that host, or choose a free one as vip
`},
		{"a node that cannot be asked has it", func(s *Survey, m *observation) {
			delete(s.observations, "node-3")
			m.Answers = map[netip.Addr][]string{netip.MustParseAddr("10.1.233.1"): {"52:54:00:00:00:03"}}
			s.observations["node-2"].Neighbours = neighbour("10.1.1.3", "52:54:00:00:00:03", false)
			s.members = s.members[:2]
		}, "ok nobody else answers ARP for 10.1.233.1: answered by node-3\nok VRRP (IP protocol 112) of the others arrives: from node-2\n"},
		{"no perl", func(_ *Survey, m *observation) { deaf(m); m.KernelAsked = true }, `ok no other router uses VRID 51: left out: no perl on the node
ok VRRP (IP protocol 112) of the others arrives: left out from node-2: no perl on the node, from node-3: no perl on the node
`},
		{"no perl, a stranger", func(_ *Survey, m *observation) {
			deaf(m)
			m.KernelAsked, m.Neighbours = true, neighbour("10.1.233.1", "52:54:00:00:00:ff", true)
		}, `NO nobody else answers ARP for 10.1.233.1: 10.1.233.1 is answered by 52:54:00:00:00:ff, which is no node of the inventory
   stops, at cluster.yaml:4:6; take the address away from that host, or choose a free one as vip
ok no other router uses VRID 51: left out: no perl on the node
ok VRRP (IP protocol 112) of the others arrives: left out from node-2: no perl on the node, from node-3: no perl on the node
`},
		{"no perl, and the kernel remembers a stranger", func(_ *Survey, m *observation) {
			deaf(m)
			m.KernelAsked, m.Neighbours = true, neighbour("10.1.233.1", "52:54:00:00:00:ff", false)
		}, `ok nobody else answers ARP for 10.1.233.1: left out: 52:54:00:00:00:ff had it some time ago, and the node cannot ask again: no perl on the node
ok no other router uses VRID 51: left out: no perl on the node
ok VRRP (IP protocol 112) of the others arrives: left out from node-2: no perl on the node, from node-3: no perl on the node
`},
		{"not Ethernet", func(_ *Survey, m *observation) { m.AsksARP = false },
			"ok nobody else answers ARP for 10.1.233.1: left out: its interface is not Ethernet\n"},
		{"a stranger has the VRID", func(_ *Survey, m *observation) { m.Speakers = []node.Speaker{foreign} },
			`NO no other router uses VRID 51: another router sends VRRP: 10.1.0.9 with virtual router ID 51 (version 3, priority 100)
   stops, at cluster.yaml:1:1; set vrrp.virtualRouterID to a number that nobody on this network uses
`},
		{"strangers have others", func(_ *Survey, m *observation) {
			m.Speakers = []node.Speaker{{Address: foreign.Address, Version: 2, VRID: 7, Priority: 100}, {Address: foreign.Address, Version: 2, VRID: 8, Priority: 1}}
		}, "ok no other router uses VRID 51: others: 10.1.0.9 with virtual router ID 7 (version 2, priority 100), " +
			"10.1.0.9 with virtual router ID 8 (version 2, priority 1)\n"},
		{"a node's own old configuration", func(s *Survey, m *observation) {
			s.observations["node-2"].Addresses = append(s.observations["node-2"].Addresses, node.Address{Interface: "eth1", Prefix: netip.MustParsePrefix("10.2.0.2/16")})
			m.Speakers = []node.Speaker{{Address: netip.MustParseAddr("10.1.1.3"), Version: 3, VRID: 51, Priority: 100}, {Address: netip.MustParseAddr("10.2.0.2"), Version: 3, VRID: 51, Priority: 100}}
		}, ""},
		{"a firewall", func(_ *Survey, m *observation) { delete(m.Heard, "node-2") },
			`NO VRRP (IP protocol 112) of the others arrives: VRRP (IP protocol 112) from node-2 does not arrive at node-1
   stops; let it in, on node-1: nft insert rule inet filter input ip saddr 10.1.1.2 ip protocol vrrp accept; or look for a firewall on the way
ok VRRP (IP protocol 112) of the others arrives: from node-3
`},
		{"firewalld", func(s *Survey, m *observation) {
			s.facts["node-1"].OtherFirewall = firewall.Firewalld
			m.Heard = map[string]bool{"node-2": true}
		},
			`NO VRRP (IP protocol 112) of the others arrives: VRRP (IP protocol 112) from node-3 does not arrive at node-1
   stops; let it in, on node-1: firewall-cmd --permanent --add-rich-rule='rule family="ipv4" source address="10.1.1.3" protocol value="vrrp" accept' && firewall-cmd --reload; or look for a firewall on the way
ok VRRP (IP protocol 112) of the others arrives: from node-2
`},
		{"ufw, before an apply", func(s *Survey, m *observation) { s.ufw("node-1", inventory.Manage); delete(m.Heard, "node-2") },
			"ok VRRP (IP protocol 112) of the others arrives: left out from node-2: ufw is active, and an apply opens it\n"},
		{"ufw, left alone", func(s *Survey, m *observation) { s.ufw("node-1", inventory.Leave); delete(m.Heard, "node-2") },
			`NO VRRP (IP protocol 112) of the others arrives: VRRP (IP protocol 112) from node-2 does not arrive at node-1
   stops; on node-1: ufw allow in proto vrrp from 10.1.1.2
ok VRRP (IP protocol 112) of the others arrives: from node-3
`},
		{"a firewall at the sender", func(s *Survey, _ *observation) {
			s.observations["node-2"].EgressBlocked = []netip.Addr{netip.MustParseAddr("10.1.1.1")}
		},
			`NO VRRP (IP protocol 112) of the others arrives: VRRP (IP protocol 112) to node-1 does not leave node-2: its own firewall stops it
   stops; let it out, on node-2: nft insert rule inet filter output ip daddr 10.1.1.1 ip protocol vrrp accept
ok VRRP (IP protocol 112) of the others arrives: from node-3
`},
		{"a firewall at the sender, for multicast", func(s *Survey, _ *observation) {
			s.cluster.VRRP.Mode = inventory.Multicast
			s.observations["node-2"].EgressBlocked = []netip.Addr{netip.MustParseAddr("224.0.0.18")}
		},
			`NO VRRP (IP protocol 112) of the others arrives: VRRP (IP protocol 112) to node-1 does not leave node-2: its own firewall stops it
   stops; let it out, on node-2: nft insert rule inet filter output ip daddr 224.0.0.18 ip protocol vrrp accept
ok VRRP (IP protocol 112) of the others arrives: from node-3
`},
		{"a firewall between others", func(s *Survey, _ *observation) {
			s.observations["node-2"].EgressBlocked = []netip.Addr{netip.MustParseAddr("10.1.1.3")}
		}, ""},
		{"ufw at the sender, before an apply", func(s *Survey, _ *observation) {
			s.ufw("node-2", inventory.Manage)
			s.observations["node-2"].EgressBlocked = []netip.Addr{netip.MustParseAddr("10.1.1.1")}
		}, "ok VRRP (IP protocol 112) of the others arrives: left out from node-2: ufw is active there, and an apply opens it\n"},
		{"ufw at the sender, left alone", func(s *Survey, _ *observation) {
			s.ufw("node-2", inventory.Leave)
			s.observations["node-2"].EgressBlocked = []netip.Addr{netip.MustParseAddr("10.1.1.1")}
		}, `NO VRRP (IP protocol 112) of the others arrives: VRRP (IP protocol 112) to node-1 does not leave node-2: its own firewall stops it
   stops; on node-2: ufw allow out proto vrrp to 10.1.1.1
ok VRRP (IP protocol 112) of the others arrives: from node-3
`},
		{"ufw of which only the files are left", func(s *Survey, m *observation) {
			s.ufw("node-1", inventory.Leave)
			s.facts["node-1"].Units["ufw.service"] = node.Unit{Load: "not-found"}
			delete(m.Heard, "node-2")
		}, `NO VRRP (IP protocol 112) of the others arrives: VRRP (IP protocol 112) from node-2 does not arrive at node-1
   stops; let it in, on node-1: nft insert rule inet filter input ip saddr 10.1.1.2 ip protocol vrrp accept; or look for a firewall on the way
ok VRRP (IP protocol 112) of the others arrives: from node-3
`},
		{"a sender without perl", func(s *Survey, m *observation) { deaf(s.observations["node-2"]); delete(m.Heard, "node-2") },
			"ok VRRP (IP protocol 112) of the others arrives: left out from node-2: it cannot send a probe (no perl on the node)\n"},
		{"a sender that could not send", func(s *Survey, m *observation) {
			s.observations["node-2"].Sent = time.Time{}
			delete(m.Heard, "node-2")
		},
			"ok VRRP (IP protocol 112) of the others arrives: left out from node-2: it cannot send a probe (it tried)\n"},
		{"a sender whose probes came too late", func(s *Survey, m *observation) {
			s.observations["node-2"].Sent = m.ended.Add(1)
			delete(m.Heard, "node-2")
		}, "ok VRRP (IP protocol 112) of the others arrives: left out from node-2: it was too late\n"},
		{"VIP in the pods' network", func(_ *Survey, m *observation) {
			m.Manifests[distribution.ControllerManager] = manager("--cluster-cidr=fd00::/48,10.1.128.0/17")
		},
			`NO 10.1.233.1 is outside of the cluster's networks: 10.1.233.1 lies inside 10.1.128.0/17, the network of the pods (--cluster-cidr of kube-controller-manager)
   stops, at cluster.yaml:4:6; choose a VIP outside of it: addresses in there are given away by Kubernetes
`},
		{"VIP in the services' network", func(_ *Survey, m *observation) { m.replace("10.96.0.0/12", "10.0.0.0/8") },
			`NO 10.1.233.1 is outside of the cluster's networks: 10.1.233.1 lies inside 10.0.0.0/8, the network of the services (--service-cluster-ip-range of kube-apiserver)
   stops, at cluster.yaml:4:6; choose a VIP outside of it: addresses in there are given away by Kubernetes
`},
		{"no manifests", func(_ *Survey, m *observation) { m.Manifests = nil },
			"ok 10.1.233.1 is outside of the cluster's networks: services left out: there is no manifest of kube-apiserver, pods left out: there is no manifest of kube-controller-manager\n"},
		{"no pod network", func(_ *Survey, m *observation) { m.Manifests[distribution.ControllerManager] = manager("--v=2") },
			"ok 10.1.233.1 is outside of the cluster's networks: services 10.96.0.0/12, pods left out: kube-controller-manager has no --cluster-cidr\n"},
		{"port among the NodePorts", func(s *Survey, _ *observation) { s.cluster.Port = 30443 },
			`NO ports do not clash with the NodePort range: port 30443 lies inside 30000-32767, the ports of NodePort services
   stops, at cluster.yaml:1:1; set port to a port outside of it: kube-proxy may be told to take any port of that range
`},
		{"monitor port among the NodePorts", func(_ *Survey, m *observation) {
			m.replace("    - --service-cluster", "    - --service-node-port-range=8000+1000\n    - --service-cluster")
		},
			`NO ports do not clash with the NodePort range: haproxy.monitorPort 8404 lies inside 8000+1000, the ports of NodePort services
   stops, at cluster.yaml:13:16; set haproxy.monitorPort to a port outside of it: kube-proxy may be told to take any port of that range
`},
		{"a service among the NodePorts", func(s *Survey, m *observation) {
			s.cluster.HAProxy.MonitorPort = 7000
			s.cluster.Services = []inventory.Service{{Name: "web", Port: 80}, {Name: "game", Port: 8999, SessionAffinity: inventory.ClientIP}}
			m.replace("    - --service-cluster", "    - --service-node-port-range=8000+1000\n    - --service-cluster")
		},
			`NO ports do not clash with the NodePort range: services[1].port 8999 lies inside 8000+1000, the ports of NodePort services
   stops, at cluster.yaml:1:1; set services[1].port to a port outside of it: kube-proxy may be told to take any port of that range
`},
		{"NodePorts that are none", func(_ *Survey, m *observation) {
			m.replace("    - --service-cluster", "    - --service-node-port-range=9-1\n    - --service-cluster")
		}, "ok ports do not clash with the NodePort range: left out: --service-node-port-range=9-1 is no range\n"},
		{"SELinux", func(_ *Survey, m *observation) { m.SELinux, m.ConnectAny = "Enforcing", "haproxy_connect_any --> off" },
			`NO SELinux and AppArmor are not in the way: SELinux is enforcing, and keeps haproxy from port 6443: haproxy_connect_any is off
   on node-1: setsebool -P haproxy_connect_any 1
`},
		{"SELinux that lets it", func(_ *Survey, m *observation) { m.SELinux, m.ConnectAny = "Enforcing", "haproxy_connect_any --> on" },
			"ok SELinux and AppArmor are not in the way: SELinux is enforcing, haproxy may connect\n"},
		{"permissive SELinux", func(_ *Survey, m *observation) { m.SELinux, m.ConnectAny = "Permissive", "haproxy_connect_any --> off" }, ""},
		{"AppArmor", func(_ *Survey, m *observation) { m.Enforced = []string{"haproxy", "/usr/sbin/keepalived"} },
			"ok SELinux and AppArmor are not in the way: AppArmor enforces profiles: haproxy, /usr/sbin/keepalived\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := surveyOf(t)
			s.cluster.VRRP.VirtualRouterID = 51
			usual := written(s)
			if c.name == "sound" {
				usual = nil
			}
			c.change(s, s.observations["node-1"])
			var got strings.Builder
			for _, line := range written(s) {
				if !slices.Contains(usual, line) {
					got.WriteString(line)
				}
			}
			same(t, "finds", got.String(), c.finds)
		})
	}
}

// ufw makes it active, with no rules of ours.
func (s *Survey) ufw(name string, care inventory.Care) {
	s.cluster.Firewall = care
	put(s.facts[name], firewall.ConfPath, 0o644, []byte("ENABLED=yes\n"))
}

func (t *observation) replace(old, now string) {
	t.Manifests[distribution.APIServer] = bytes.ReplaceAll(t.Manifests[distribution.APIServer], []byte(old), []byte(now))
}

// written is what node-1 finds, in lines.
func written(s *Survey) []string {
	var out []string
	for _, f := range s.of(s.cluster.Nodes[0]) {
		if f.OK {
			out = append(out, fmt.Sprintf("ok %s: %s\n", f.What, f.Detail))
			continue
		}
		stops := ""
		if f.stops {
			stops = "stops"
			if where := f.refusal(s.cluster).Where; where != "" {
				stops += ", at " + where
			}
			stops += "; "
		}
		out = append(out, fmt.Sprintf("NO %s: %s\n   %s%s\n", f.What, f.Detail, stops, f.Hint))
	}
	return out
}

// TestProbesTakeTheWayOfAdverts: a rule for the group lets no unicast in.
func TestProbesTakeTheWayOfAdverts(t *testing.T) {
	t.Parallel()
	s := surveyOf(t)
	n := s.cluster.Nodes[0]
	peer := func(address, mac string) node.Peer { return node.Peer{Address: netip.MustParseAddr(address), MAC: mac} }
	same(t, "unicast", s.probeRequest(n).Peers, []node.Peer{peer("10.1.1.2", "52:54:00:00:00:02"), peer("10.1.1.3", "52:54:00:00:00:03")})
	s.cluster.VRRP.Mode = inventory.Multicast
	same(t, "multicast", s.probeRequest(n).Peers, []node.Peer{peer("224.0.0.18", "01:00:5e:00:00:12")})
	same(t, "from all", len(s.observeRequest(n).Nonces), 2)
}

func TestClocks(t *testing.T) {
	t.Parallel()
	const skewed = "have NTP set the clocks (`timedatectl set-ntp true`): etcd warns at 1s, and new certificates and tokens are not valid yet where it is earlier"
	at := func(aheads ...time.Duration) func(*Survey) {
		return func(s *Survey) {
			for i, n := range s.cluster.Nodes {
				s.observations[n.Name].HasClock = i < len(aheads)
				if i < len(aheads) {
					s.observations[n.Name].Ahead = aheads[i]
				}
			}
		}
	}
	for _, c := range []struct {
		name   string
		change func(*Survey)
		want   verdict.Check
	}{
		{"all the same", at(0, 0, 0), verdict.Check{OK: true, Detail: "0s apart, give or take 0s"}},
		{"the operator's is another", at(time.Hour, time.Hour+time.Second, time.Hour), verdict.Check{OK: true, Detail: "1s apart, give or take 0s"}},
		{"one is ahead", at(0, 2100*time.Millisecond, time.Second), verdict.Check{Detail: "the clock of node-2 is 2.1s ahead of that of node-1", Hint: skewed}},
		{"one is behind", at(0, 0, -time.Minute), verdict.Check{Detail: "the clock of node-1 is 1m0s ahead of that of node-3", Hint: skewed}},
		{"it may be the way there", func(s *Survey) {
			at(0, 3*time.Second, 0)(s)
			s.observations["node-2"].Doubt = time.Second
		}, verdict.Check{OK: true, Detail: "3s apart, give or take 1s"}},
		{"one clock", at(0), verdict.Check{OK: true, Detail: "left out: no two clocks can be read"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := surveyOf(t)
			c.change(s)
			c.want.What = "the nodes' clocks agree within 2s"
			same(t, "check", s.clocks(), c.want)
		})
	}
}

// TestLateFacts has a node say where it is when others read of it: one that
// lies could end kplb, by a map that two write and read at once.
func TestLateFacts(t *testing.T) {
	t.Parallel()
	f := newFleet(t, applied)
	fleettest.Plug(f.Machines, "node-3")
	look := f.Nodes["node-3"].On["doctor"]
	f.Nodes["node-3"].On["doctor"] = func(ctx context.Context, s remote.Script, say say) error {
		return look(ctx, s, func(key string, fields ...string) {
			say(key, fields...)
			if key != "listening" {
				return
			}
			for i := range 20000 {
				say("links", fmt.Sprintf("2: eth%d: <UP> \\    link/ether 52:54:00:00:00:0f brd x", i))
				say("addresses", "2: eth0    inet 10.1.9.9/16 scope global eth0")
				say("listening")
			}
		})
	}
	found, err := Look(t.Context(), f.Fleet, true)
	if err != nil {
		t.Fatal(err)
	}
	mine := found.observations["node-3"]
	same(t, "MACs", mine.MACs, map[string]string{"eth0": "52:54:00:00:00:03"})
	same(t, "address", mine.Addresses[0].Prefix.Addr(), f.Cluster.Nodes[2].Address)
	same(t, "asks", mine.AsksARP, true)
}

func TestExamine(t *testing.T) {
	t.Parallel()
	f := newFleet(t, applied)
	l := fleettest.Plug(f.Machines)
	proof, err := Examine(t.Context(), f.Fleet)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "sent before all listened", l.Early, false)
	same(t, "probes", len(l.Sent), 3)
	same(t, "OK", proof.OK(), true)
	var heard []string
	for _, c := range proof.Checks {
		if strings.HasPrefix(c.What, "VRRP") {
			heard = append(heard, c.Node+" "+c.Detail)
		}
	}
	same(t, "heard", heard, []string{"node-1 from node-2, node-3", "node-2 from node-1, node-3", "node-3 from node-1, node-2"})
	same(t, "checks", len(proof.Checks), 3*7+1)
}

// TestExamineRefusals has what an apply would refuse on each node, and a change
// that waits, among the checks.
func TestExamineRefusals(t *testing.T) {
	t.Parallel()
	f := newFleet(t, applied)
	fleettest.Plug(f.Machines, "node-3")
	f.Nodes["node-1"].Facts.HAProxy.Version.Major = 1
	put(f.Nodes["node-2"].Facts, "/var/lib/kplb/pending/txn", 0o600, []byte("txn1\n"))
	proof, err := Examine(t.Context(), f.Fleet)
	if err != nil {
		t.Fatal(err)
	}
	var no []string
	for _, c := range proof.Checks {
		if !c.OK {
			no = append(no, c.Node+": "+c.What+": "+c.Detail)
		}
	}
	same(t, "noes", no, []string{
		"node-1: nothing on it is in the way: haproxy 1.6.12 is too old, at least 2.2.0 is needed",
		"node-2: nothing on it is in the way: a change is awaiting confirmation: ",
		"node-3: VRRP (IP protocol 112) of the others arrives: VRRP (IP protocol 112) from node-1 does not arrive at node-3",
		"node-3: VRRP (IP protocol 112) of the others arrives: VRRP (IP protocol 112) from node-2 does not arrive at node-3",
	})
}

// TestExamineMarks a node that could not look; where no node can, that is an error.
func TestExamineMarks(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]step{
		"node-2: it broke": func(_ context.Context, _ remote.Script, say say) error {
			say("listening")
			return errors.New("node-2: it broke")
		},
		"node-2: doctor: the node's answer is cut short": func(_ context.Context, _ remote.Script, say say) error { say("listening"); return nil },
	} {
		f := newFleet(t, applied)
		fleettest.Plug(f.Machines).Sent = []string{"node-2 has none to send"}
		f.Nodes["node-2"].On["doctor"] = do
		proof, err := Examine(t.Context(), f.Fleet)
		says(t, err, "")
		var of []verdict.Check
		for _, c := range proof.Checks {
			if c.Node == "node-2" {
				of = append(of, c)
			}
		}
		same(t, "checks of node-2", of, []verdict.Check{{Node: "node-2", What: "answers kplb", Detail: strings.TrimPrefix(name, "node-2: ")}})
		same(t, "checks of others", len(proof.Checks) > 6, true)
	}
	f := newFleet(t, applied)
	for _, n := range f.Nodes {
		n.On["doctor"] = fleettest.Fails(errors.New(n.ID + ": it broke"))
	}
	_, err := Examine(t.Context(), f.Fleet)
	says(t, err, "node-1: it broke\nnode-2: it broke\nnode-3: it broke")
}

// TestPrecheckRefuses what must stop a first change, and nothing else.
func TestPrecheckRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		pairs bool
		says  string
		sends int
	}{
		{"without pairs", false, "cluster.yaml:1:1: node-1: another router sends VRRP: 10.1.0.9 with virtual router ID 51 (version 3, priority 100)", 0},
		{"with pairs", true, "cluster.yaml:1:1: node-1: another router sends VRRP: 10.1.0.9 with virtual router ID 51 (version 3, priority 100)\n" +
			"node-3: VRRP (IP protocol 112) from node-1 does not arrive at node-3\nnode-3: VRRP (IP protocol 112) from node-2 does not arrive at node-3", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, fresh)
			f.Cluster.VRRP.VirtualRouterID = 51
			l := fleettest.Plug(f.Machines, "node-3")
			look := f.Nodes["node-1"].On["doctor"]
			f.Nodes["node-1"].On["doctor"] = func(ctx context.Context, s remote.Script, say say) error {
				say("vrrp", "10.1.0.9", "3", "51", "100")
				say("selinux", "Enforcing", "haproxy_connect_any --> off") // a no, and no danger
				return look(ctx, s, say)
			}
			if _, err := f.Inspect(t.Context(), fleet.Inspection{}); err != nil {
				t.Fatal(err)
			}
			err := Precheck(t.Context(), f.Fleet, c.pairs)
			says(t, err, c.says)
			var refused *refusal.Error
			same(t, "is a refusal", errors.As(err, &refused), true)
			same(t, "probes", len(l.Sent), c.sends)
		})
	}
	f := newFleet(t, fresh)
	fleettest.Plug(f.Machines)
	says(t, Precheck(t.Context(), f.Fleet, true), "")
}

// TestStranger6 asks for an IPv6 VIP as for one of IPv4.
func TestStranger6(t *testing.T) {
	t.Parallel()
	vip := netip.MustParseAddr("fd10:1::100")
	for _, c := range []struct {
		name   string
		change func(s *Survey, mine *observation)
		says   string
	}{
		{"nobody has it", func(*Survey, *observation) {}, "true nobody answers"},
		{"another node has it", func(_ *Survey, m *observation) { m.Answers = map[netip.Addr][]string{vip: {"52:54:00:00:00:02"}} }, "true answered by node-2"},
		{"two have it", func(_ *Survey, m *observation) {
			m.Answers = map[netip.Addr][]string{vip: {"52:54:00:00:00:02", "52:54:00:00:00:ff"}}
		}, "false fd10:1::100 is answered by 52:54:00:00:00:ff, which is no node of the inventory"},
		{"no IPv6 there", func(_ *Survey, m *observation) { m.AsksND = false }, "true left out: its interface has no IPv6 address, or is not Ethernet"},
		{"no perl, a stranger", func(_ *Survey, m *observation) {
			m.ListenError, m.Listens, m.AsksND, m.KernelAsked = "no perl on the node", false, false, true
			m.Neighbours = neighbour("fd10:1::100", "52:54:00:00:00:ff", true)
		}, "false fd10:1::100 is answered by 52:54:00:00:00:ff, which is no node of the inventory"},
		{"no perl, nobody", func(_ *Survey, m *observation) {
			m.ListenError, m.Listens, m.AsksND, m.KernelAsked = "no perl on the node", false, false, true
		}, "true nobody answers"},
	} {
		s := surveyOf(t)
		c.change(s, s.observations["node-1"])
		f := s.stranger(s.cluster.Nodes[0], vip)
		same(t, c.name, fmt.Sprintf("%v %s", f.OK, f.Detail), c.says)
		same(t, "what", f.What, "nobody else answers neighbour discovery for fd10:1::100")
		same(t, "stops", f.stops, true)
	}
}

// TestAnswered6 wants the holder of an IPv6 VIP to answer, and nobody else.
func TestAnswered6(t *testing.T) {
	t.Parallel()
	vip := netip.MustParseAddr("fd10:1::100")
	six := node.Address{Interface: "eth0", Prefix: netip.MustParsePrefix("fd10:1::100/128")}
	for _, c := range []struct {
		name   string
		change func(s *Survey, mine *observation)
		want   string
	}{
		{"it does", func(*Survey, *observation) {}, "true 52:54:00:00:00:02 is that of node-2"},
		{"and a stranger", func(_ *Survey, m *observation) { m.Answers[vip] = append(m.Answers[vip], "52:54:00:00:00:ff") },
			"false 52:54:00:00:00:ff answers, which is no node of the inventory"},
		{"it does not", func(_ *Survey, m *observation) { m.Answers = nil }, "false node-2 holds it, and does not answer"},
		{"nobody can ask", func(_ *Survey, m *observation) { m.Answers, m.AsksND = nil, false },
			"true left out: its interface has no IPv6 address, or is not Ethernet"},
		{"nobody holds it", func(s *Survey, m *observation) { s.observations["node-2"].Addresses, m.Answers = nil, nil },
			"true no single node holds it, and no other machine answers"},
		{"nobody holds it, and a stranger answers", func(s *Survey, m *observation) {
			s.observations["node-2"].Addresses = nil
			m.Answers[vip] = []string{"52:54:00:00:00:ff"}
		}, "false 52:54:00:00:00:ff answers, which is no node of the inventory"},
		{"two hold it", func(s *Survey, _ *observation) {
			s.observations["node-3"].Addresses = append(s.observations["node-3"].Addresses, six)
		},
			"false 52:54:00:00:00:02 (node-2) answers, which does not hold it alone"},
	} {
		s := surveyOf(t)
		s.observations["node-2"].Addresses = append(s.observations["node-2"].Addresses, six)
		s.observations["node-1"].Answers = map[netip.Addr][]string{vip: {"52:54:00:00:00:02"}}
		c.change(s, s.observations["node-1"])
		check := s.Answered(s.cluster.Nodes[0], vip)
		same(t, c.name, fmt.Sprintf("%v %s", check.OK, check.Detail), c.want)
		same(t, "what", check.What, "nobody but the holder answers neighbour discovery for fd10:1::100")
	}
}
