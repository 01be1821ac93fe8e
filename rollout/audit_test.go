package rollout

import (
	"context"
	"encoding/json"
	"errors"
	flags "flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/firewall"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

var update = flags.Bool("update", false, "write the goldens anew")

// macOf is that of a node of a fleet.
func macOf(i int) string { return fmt.Sprintf("52:54:00:00:00:0%d", i+1) }

// auditFleet is a cluster that works, on one network: whoever holds the VIP
// answers the others, and every apiserver is behind it in its turn.
func auditFleet(t *testing.T) *fleet {
	t.Helper()
	f := newFleet(t, applied)
	plug(f)
	for i, n := range f.Cluster.Nodes {
		node := f.nodes[n.Name]
		node.cert = authority.certificate(t, farAhead, []string{apiserver.SharedName}, n.Address.String(), f.Cluster.VIP.String())
		f.turns = append(f.turns, node)
		look := node.on["doctor"]
		node.on["doctor"] = func(ctx context.Context, s remote.Script, say say) error {
			return look(ctx, s, func(key string, fields ...string) {
				if key == "listening" && node.holds(f.Cluster.VIP) {
					say("addresses", fmt.Sprintf("2: eth0    inet %s/16 scope global eth0\n2: eth0    inet %s/32 scope global eth0", n.Address, f.Cluster.VIP))
				}
				say(key, fields...)
				for j, other := range f.Cluster.Nodes {
					if key == "listening" && j != i && f.nodes[other.Name].holds(f.Cluster.VIP) {
						say("has", macOf(j), f.Cluster.VIP.String())
					}
				}
			})
		}
	}
	return f
}

// hears has a node hear something more while it listens.
func (n *fakeNode) hears(key string, fields ...string) {
	look := n.on["doctor"]
	n.on["doctor"] = func(ctx context.Context, s remote.Script, say say) error {
		return look(ctx, s, func(k string, f ...string) {
			if k == "done" {
				say(key, fields...)
			}
			say(k, f...)
		})
	}
}

// TestAuditMove has the VIP move while the nodes look: what was seen does not go
// together, and is looked at again.
func TestAuditMove(t *testing.T) {
	t.Parallel()
	f := auditFleet(t)
	look, looks := f.nodes["node-3"].on["doctor"], 0
	f.nodes["node-3"].on["doctor"] = func(ctx context.Context, s remote.Script, say say) error {
		err := look(ctx, s, say)
		if looks++; looks == 1 {
			f.locked(func(f *fleet) {
				one, two := f.nodes["node-1"].facts, f.nodes["node-2"].facts
				last := len(one.Addresses) - 1
				two.Addresses, one.Addresses = append(two.Addresses, one.Addresses[last]), one.Addresses[:last]
				one.VRRP["KPLB"], two.VRRP["KPLB"] = "BACKUP", "MASTER"
			})()
		}
		return err
	}
	proof, err := f.Audit(t.Context(), 0, Depth{Tries: DefaultTries})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "noes", noes(proof), []string(nil))
	same(t, "holder", proof.Holder, "node-2")
	same(t, "looks", looks, 2)
}

const noCure = "   and nobody says what to do about it"

// noes are the checks that say no, in lines.
func noes(p *Proof) []string {
	var out []string
	for _, c := range p.Checks {
		if !c.OK {
			out = append(out, strings.TrimPrefix(c.Node+": ", ": ")+c.What+": "+c.Detail)
		}
		if !c.OK && c.Cure == "" {
			out = append(out, noCure)
		}
	}
	return out
}

// counted is how many connections a node got: others connect at the same time.
var counted = regexp.MustCompile(`(node-\d) [1-9]\d*\b`)

// golden compares a proof with testdata/rollout; cmd prints it from there.
func golden(t *testing.T, name string, proof *Proof) {
	t.Helper()
	path := "../testdata/rollout/" + name + ".json"
	text, err := json.MarshalIndent(proof, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(counted.ReplaceAll(text, []byte("$1 5")), '\n')
	if *update {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(text)); d != "" {
		t.Errorf("%s (go test ./rollout -update writes it anew):\n%s", path, d)
	}
}

// TestAudit has a sound cluster, and one in which everybody lies.
func TestAudit(t *testing.T) {
	t.Parallel()
	f := auditFleet(t)
	f.Cluster.Workers = []inventory.Node{{Name: "worker-1", Worker: true, Address: netip.MustParseAddr("127.9.1.8")}}
	f.nodes["worker-1"] = &fakeNode{name: "worker-1", fleet: f, facts: debian(f.Cluster, f.Cluster.Workers[0]), on: map[string]step{}}
	proof, err := f.Audit(t.Context(), 0, Depth{Tries: DefaultTries})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "noes", noes(proof), []string(nil))
	same(t, "changed", f.log(), []string(nil))
	golden(t, "audit", proof)

	f.turns = f.turns[1:2]
	f.nodes["node-2"].hears("has", "52:54:00:00:00:ff", f.Cluster.VIP.String())
	f.nodes["node-3"].facts.VRRP["KPLB"] = "MASTER"
	f.nodes["node-3"].facts.Sysctls = map[string]string{"net.ipv4.ip_nonlocal_bind": "0"}
	set(f.nodes["node-3"].facts, "keepalived.service", func(u *node.Unit) { u.File = "disabled" })
	edit(f.nodes["node-2"].facts, render.HAProxyPath, "leastconn", "roundrobin")
	f.nodes["node-1"].down.Store(true)
	proof, err = f.Audit(t.Context(), 0, Depth{Tries: DefaultTries})
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(noes(proof), noCure) {
		t.Error("a no without a cure")
	}
	golden(t, "audit-no", proof)
}

var someOf = regexp.MustCompile(`\d+ of 16 connections`)

// TestAuditLies has one thing wrong after the other, and wants it to be found,
// and nothing else.
func TestAuditLies(t *testing.T) {
	t.Parallel() // with others; its own cases are enough for a machine
	const at = "127.9.1.9:1"
	foreign := "the certificate is not from the cluster's CA: something else answers on " + at
	liar := apiserverAt(t, "127.0.0.1:0", stranger.certificate(t, farAhead, []string{apiserver.SharedName}, "127.9.1.9"), says200)
	cases := []struct {
		name   string
		change func(f *fleet)
		noes   []string
	}{
		{"the cluster's CA, and no apiserver", func(f *fleet) {
			f.turns = append(f.turns, &fakeNode{fleet: f, cert: authority.certificate(t, farAhead, []string{apiserver.SharedName}, "127.9.1.9")})
		}, []string{"every apiserver is behind " + at + ": some of 16 connections failed: a certificate of the cluster's CA answers that no apiserver shows on its own address"}},
		{"another CA, on one node's way to it", func(f *fleet) {
			dial := f.Dial
			f.Dial = func(ctx context.Context, n inventory.Node) (node.Host, error) {
				h, err := dial(ctx, n)
				if n.Name == "node-2" {
					h = lost{h, at, liar}
				}
				return h, err
			}
		}, []string{"node-2: reaches " + at + ": /healthz: " + foreign}},
		{"no way from one node", func(f *fleet) {
			dial := f.Dial
			f.Dial = func(ctx context.Context, n inventory.Node) (node.Host, error) {
				h, err := dial(ctx, n)
				if n.Name == "node-3" {
					h = lost{h, at, netip.AddrPort{}}
				}
				return h, err
			}
		}, []string{"node-3: reaches " + at + ": the host could not connect"}},
		{"one apiserver behind the VIP", func(f *fleet) { f.turns = f.turns[:1] }, []string{
			"every apiserver is behind " + at + ": of 40 connections, told apart by certificate: node-1 40, node-2 0, node-3 0: none for node-2 and node-3",
		}},
		{"a second machine answers ARP", func(f *fleet) { f.nodes["node-2"].hears("has", "52:54:00:00:00:ff", "127.9.1.9") },
			[]string{"node-2: nobody but the holder answers ARP for 127.9.1.9: 52:54:00:00:00:ff answers, which is no node of the inventory"}},
		{"the holder hears it, too", func(f *fleet) { f.nodes["node-1"].hears("has", "52:54:00:00:00:ff", "127.9.1.9") },
			[]string{"node-1: nobody but the holder answers ARP for 127.9.1.9: 52:54:00:00:00:ff answers, which is no node of the inventory"}},
		{"another node answers", func(f *fleet) { f.nodes["node-2"].hears("has", macOf(2), "127.9.1.9") },
			[]string{"node-2: nobody but the holder answers ARP for 127.9.1.9: 52:54:00:00:00:03 (node-3) answers, which does not hold it alone"}},
		{"a stranger sends adverts", func(f *fleet) {
			f.nodes["node-2"].hears("vrrp", "127.9.1.77", "3", strconv.Itoa(f.Cluster.VRRP.VirtualRouterID), "255")
		}, []string{"node-2: no stranger has virtual router ID 9: a stranger speaks VRRP: 127.9.1.77 with virtual router ID 9 (version 3, priority 255)"}},
		{"two masters, by their own word", func(f *fleet) { f.nodes["node-3"].facts.VRRP["KPLB"] = "MASTER" },
			[]string{"one keepalived is MASTER of VRRP instance KPLB: node-1 and node-3: MASTER; node-2: BACKUP"}},
		{"a node that cannot take over", func(f *fleet) { f.nodes["node-3"].facts.VRRP["KPLB"] = "FAULT" },
			[]string{"one keepalived is MASTER of VRRP instance KPLB: node-1: MASTER; node-2: BACKUP; node-3: FAULT"}},
		{"the master is another one", func(f *fleet) {
			f.nodes["node-1"].facts.VRRP["KPLB"], f.nodes["node-3"].facts.VRRP["KPLB"] = "BACKUP", "MASTER"
		}, []string{"one keepalived is MASTER of VRRP instance KPLB: node-3: MASTER; node-1 and node-2: BACKUP"}},
		{"no master", func(f *fleet) { f.nodes["node-1"].facts.VRRP["KPLB"] = "BACKUP" },
			[]string{"one keepalived is MASTER of VRRP instance KPLB: node-1 and node-2 and node-3: BACKUP"}},
		{"a journal that forgets", func(f *fleet) { f.nodes["node-1"].facts.VRRP = nil }, nil},
		{"a file was edited", func(f *fleet) { edit(f.nodes["node-2"].facts, render.HAProxyPath, "leastconn", "roundrobin") }, []string{
			"node-2: files are as rendered: /etc/haproxy/haproxy.cfg differs",
			"node-2: services are active, and start at boot: haproxy does not run with what is rendered",
		}},
		{"a sysctl was set back", func(f *fleet) {
			f.nodes["node-2"].facts.Sysctls = map[string]string{"net.ipv4.ip_nonlocal_bind": "0"}
		}, []string{`node-2: sysctls are as rendered: net.ipv4.ip_nonlocal_bind is "0", not "1"`}},
		{"a service is not enabled", func(f *fleet) {
			set(f.nodes["node-2"].facts, "keepalived.service", func(u *node.Unit) { u.File = "disabled" })
		}, []string{"node-2: services are active, and start at boot: keepalived does not start at boot"}},
		{"a service has failed", func(f *fleet) {
			set(f.nodes["node-2"].facts, "keepalived.service", func(u *node.Unit) { u.Active = "failed" })
		}, []string{"node-2: services are active, and start at boot: keepalived is failed"}},
		{"ufw keeps VRRP out", func(f *fleet) {
			facts := f.nodes["node-2"].facts
			put(facts, firewall.ConfPath, 0o644, []byte("ENABLED=yes\n"))
			put(facts, firewall.DefaultsPath, 0o644, []byte("DEFAULT_OUTPUT_POLICY=\"ACCEPT\"\n"))
			put(facts, firewall.RulesPath, 0o640, []byte("### tuple ### allow tcp 1 0.0.0.0/0 any 0.0.0.0/0 in\n"))
		}, []string{"node-2: the firewall lets through what is needed: ufw does not let through: VRRP from 127.9.1.1; VRRP from 127.9.1.3; TCP port 6443 of 127.9.1.9"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := auditFleet(t)
			f.Cluster.VRRP.VirtualRouterID = 9
			for _, n := range f.Cluster.Nodes {
				f.nodes[n.Name].facts = applied(t, f.Rollout, n)
			}
			c.change(f)
			proof, err := f.Audit(t.Context(), 0, Depth{Tries: 40})
			if err != nil {
				t.Fatal(err)
			}
			got := noes(proof)
			for i := range got { // others connect at the same time
				got[i] = someOf.ReplaceAllString(got[i], "some of 16 connections")
			}
			same(t, "noes", got, c.noes)
		})
	}
}

// lost is a node for which an address is somewhere else, or nowhere.
type lost struct {
	node.Host
	at    string
	there netip.AddrPort
}

func (l lost) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	switch {
	case address != l.at:
		return l.Host.DialContext(ctx, network, address)
	case !l.there.IsValid():
		return nil, &remote.Error{Host: "node", Err: remote.ErrForwardFailed}
	}
	return (&net.Dialer{}).DialContext(ctx, network, l.there.String())
}

// TestWaysFromHere leaves out what this machine cannot reach, and nothing that
// it should.
func TestWaysFromHere(t *testing.T) {
	t.Parallel()
	at := netip.MustParseAddrPort
	noWay := fmt.Errorf("/healthz: %w", &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("network is unreachable")})
	six := apiserver.Reachability{Address: at("[fd10:1::100]:6443"), Err: noWay}
	for _, c := range []struct {
		name  string
		tried []apiserver.Reachability
		want  []string
	}{
		{"all", []apiserver.Reachability{{Address: at("10.1.1.1:6443")}, {Address: at("10.1.233.1:6443")}}, []string{
			"true this machine reaches every apiserver and every VIP: 10.1.1.1:6443, 10.1.233.1:6443: /healthz, /livez, /readyz ok, TLS verified",
		}},
		{"none", []apiserver.Reachability{{Address: at("10.1.1.1:6443"), Err: noWay}, {Address: at("10.1.233.1:6443"), Err: noWay}}, []string{
			"true this machine reaches 10.1.1.1:6443, 10.1.233.1:6443: left out: it has no way there, and the nodes were asked (dial tcp: network is unreachable)",
		}},
		{"no IPv6", []apiserver.Reachability{{Address: at("10.1.1.1:6443")}, six}, []string{
			"true this machine reaches every apiserver and every VIP: 10.1.1.1:6443: /healthz, /livez, /readyz ok, TLS verified",
			"true this machine reaches [fd10:1::100]:6443: left out: it has no way there, and the nodes were asked (dial tcp: network is unreachable)",
		}},
		{"the VIP alone cannot be reached", []apiserver.Reachability{{Address: at("10.1.1.1:6443")}, {Address: at("10.1.233.1:6443"), Err: noWay}}, []string{
			"true this machine reaches 1 of 2: 10.1.1.1:6443: /healthz, /livez, /readyz ok, TLS verified",
			"false this machine reaches 10.1.233.1:6443: /healthz: dial tcp: network is unreachable",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, check := range checkWaysFromHere(c.tried) {
				got = append(got, fmt.Sprintf("%v %s: %s", check.OK, check.What, check.Detail))
			}
			same(t, "checks", got, c.want)
		})
	}
}

// TestCheckWaysFromNode: what a node's sshd does not let us ask is left out, and
// what the node itself cannot reach is not.
func TestCheckWaysFromNode(t *testing.T) {
	t.Parallel()
	at := netip.MustParseAddrPort("10.1.233.1:6443")
	for _, c := range []struct {
		err  error
		want Check
	}{
		{nil, Check{What: "reaches every VIP", OK: true, Detail: "10.1.233.1:6443: /healthz, /livez, /readyz ok, TLS verified"}},
		{fmt.Errorf("%w (administratively prohibited)", remote.ErrForwarding), Check{
			What: "reaches 10.1.233.1:6443", OK: true, Detail: "left out: its sshd allows no forwarding (AllowTcpForwarding)",
		}},
		{fmt.Errorf("%w to 10.1.233.1:6443: Connection refused", remote.ErrForwardFailed), Check{
			What: "reaches 10.1.233.1:6443", Detail: "the host could not connect to 10.1.233.1:6443: Connection refused",
			Cure: "look for a firewall or a rule of nftables there and on the way (`nft list ruleset`), and at whom it takes for 10.1.233.1 (`ip neigh show to 10.1.233.1`)",
		}},
	} {
		tried := apiserver.Reachability{Address: at}
		if c.err != nil {
			tried.Err = fmt.Errorf("/healthz: %w", &remote.Error{Host: "node-2", Err: c.err})
		}
		c.want.Node = "node-2"
		same(t, "checks", checkWays("node-2", "every VIP", []apiserver.Reachability{tried}), []Check{c.want})
	}
	san := &apiserver.NameError{Address: at, Names: []string{"kubernetes"}, Answers: true}
	same(t, "a missing SAN is told as one", checkWays("node-2", "every VIP", []apiserver.Reachability{{Address: at, Err: fmt.Errorf("/healthz: %w", san)}})[0].MissingSAN, true)
}

// TestAnswered6 wants the holder of an IPv6 VIP to answer, and nobody else.
func TestAnswered6(t *testing.T) {
	t.Parallel()
	vip := netip.MustParseAddr("fd10:1::100")
	six := node.Address{Interface: "eth0", Prefix: netip.MustParsePrefix("fd10:1::100/128")}
	for _, c := range []struct {
		name   string
		change func(s *survey, mine *sight)
		want   string
	}{
		{"it does", func(*survey, *sight) {}, "true 52:54:00:00:00:02 is that of node-2"},
		{"and a stranger", func(_ *survey, m *sight) { m.Answers[vip] = append(m.Answers[vip], "52:54:00:00:00:ff") },
			"false 52:54:00:00:00:ff answers, which is no node of the inventory"},
		{"it does not", func(_ *survey, m *sight) { m.Answers = nil }, "false node-2 holds it, and does not answer"},
		{"nobody can ask", func(_ *survey, m *sight) { m.Answers, m.AsksND = nil, false },
			"true left out: its interface has no IPv6 address, or is not Ethernet"},
		{"nobody holds it", func(s *survey, m *sight) { s.sights["node-2"].Addresses, m.Answers = nil, nil },
			"true no single node holds it, and no other machine answers"},
		{"nobody holds it, and a stranger answers", func(s *survey, m *sight) {
			s.sights["node-2"].Addresses = nil
			m.Answers[vip] = []string{"52:54:00:00:00:ff"}
		}, "false 52:54:00:00:00:ff answers, which is no node of the inventory"},
		{"two hold it", func(s *survey, _ *sight) { s.sights["node-3"].Addresses = append(s.sights["node-3"].Addresses, six) },
			"false 52:54:00:00:00:02 (node-2) answers, which does not hold it alone"},
	} {
		s := surveyOf(t)
		s.sights["node-2"].Addresses = append(s.sights["node-2"].Addresses, six)
		s.sights["node-1"].Answers = map[netip.Addr][]string{vip: {"52:54:00:00:00:02"}}
		c.change(s, s.sights["node-1"])
		check := s.answered(s.cluster.Nodes[0], vip)
		same(t, c.name, fmt.Sprintf("%v %s", check.OK, check.Detail), c.want)
		same(t, "what", check.What, "nobody but the holder answers neighbour discovery for fd10:1::100")
	}
}

// TestCheckServices looks at what the node is to have, and at nothing else.
func TestCheckServices(t *testing.T) {
	t.Parallel()
	r := rolloutOf(t, home)
	n := r.Cluster.Nodes[0]
	for _, c := range []struct {
		name   string
		worker bool
		change func(*node.Facts, *plan.NodePlan)
		want   string
	}{
		{"as it should be", false, func(*node.Facts, *plan.NodePlan) {}, "true haproxy, keepalived"},
		{"no redirect where one is to be", false, func(_ *node.Facts, p *plan.NodePlan) { p.Redirect = node.Start }, "false kplb-redirect is not there"},
		{"a redirect where none is to be", false, func(f *node.Facts, p *plan.NodePlan) {
			f.Units[render.RedirectUnit] = node.Unit{Active: "active"}
			p.Redirect, p.Disable = node.Stop, []string{render.RedirectUnit}
		}, "false kplb-redirect does not run with what is rendered, kplb-redirect starts at boot, and should not"},
		{"a worker", true, func(f *node.Facts, _ *plan.NodePlan) { delete(f.Units, "keepalived.service") }, "true haproxy"},
		{"a worker whose haproxy has failed", true, func(f *node.Facts, p *plan.NodePlan) {
			delete(f.Units, "keepalived.service")
			set(f, "haproxy.service", func(u *node.Unit) { u.Active = "failed" })
			p.HAProxy = node.Start
		}, "false haproxy is failed"},
	} {
		f, p := applied(t, r, n), plan.NodePlan{}
		c.change(f, &p)
		check := checkServices(inventory.Node{Worker: c.worker}, f, p)
		same(t, c.name, fmt.Sprintf("%v %s", check.OK, check.Detail), c.want)
	}
}

// TestCrowded knows what leastconn does.
func TestCrowded(t *testing.T) {
	t.Parallel()
	crowds := map[string]int{"a": 400, "b": 10, "c": 0}
	same(t, "too many to make up for", crowded([]string{"a"}, crowds, 300), true)
	same(t, "few", crowded([]string{"b"}, crowds, 300), false)
	same(t, "nobody knows", crowded([]string{"b"}, nil, 300), false)
}
