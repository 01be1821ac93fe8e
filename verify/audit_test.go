package verify

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
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/firewall"
	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/verdict"
)

var update = flags.Bool("update", false, "write the goldens anew")

// macOf is that of a node of a fleet.
func macOf(i int) string { return fmt.Sprintf("52:54:00:00:00:0%d", i+1) }

// auditFleet is a cluster that works, on one network: whoever holds the VIP
// answers the others, and every apiserver is behind it in its turn.
func auditFleet(t *testing.T) *fakeFleet {
	t.Helper()
	f := newFleet(t, applied)
	fleettest.Plug(f.Machines)
	for i, n := range f.Cluster.Nodes {
		machine := f.Nodes[n.Name]
		machine.Certificate = authority.Certificate(t, farAhead, []string{apiserver.SharedName}, n.Address.String(), f.Cluster.VIP.String())
		f.Turns = append(f.Turns, machine)
		look := machine.On["doctor"]
		machine.On["doctor"] = func(ctx context.Context, s remote.Script, say say) error {
			return look(ctx, s, func(key string, fields ...string) {
				if key == "listening" && machine.Holds(f.Cluster.VIP) {
					say("addresses", fmt.Sprintf("2: eth0    inet %s/16 scope global eth0\n2: eth0    inet %s/32 scope global eth0", n.Address, f.Cluster.VIP))
				}
				say(key, fields...)
				for j, other := range f.Cluster.Nodes {
					if key == "listening" && j != i && f.Nodes[other.Name].Holds(f.Cluster.VIP) {
						say("has", macOf(j), f.Cluster.VIP.String())
					}
				}
			})
		}
	}
	return f
}

// audit takes one look.
func (f *fakeFleet) audit(t *testing.T, patience time.Duration, depth Depth) (*verdict.Proof, error) {
	t.Helper()
	return Audit(t.Context(), f.Fleet, patience, depth, planner(f.Fleet))
}

// hears has a node hear something more while it listens.
func hears(n *fakeNode, key string, fields ...string) {
	look := n.On["doctor"]
	n.On["doctor"] = func(ctx context.Context, s remote.Script, say say) error {
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
	look, looks := f.Nodes["node-3"].On["doctor"], 0
	f.Nodes["node-3"].On["doctor"] = func(ctx context.Context, s remote.Script, say say) error {
		err := look(ctx, s, say)
		if looks++; looks == 1 {
			f.Locked(func() {
				one, two := f.Nodes["node-1"].Facts, f.Nodes["node-2"].Facts
				last := len(one.Addresses) - 1
				two.Addresses, one.Addresses = append(two.Addresses, one.Addresses[last]), one.Addresses[:last]
				one.VRRP["KPLB"], two.VRRP["KPLB"] = "BACKUP", "MASTER"
			})()
		}
		return err
	}
	proof, err := f.audit(t, 0, Depth{Tries: DefaultTries})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "noes", noes(proof), []string(nil))
	same(t, "holder", proof.Holder, "node-2")
	same(t, "looks", looks, 2)
}

const (
	noHint      = "   and nobody says what to do about it"
	twoVerdicts = "   and it says that this was left out, too"
)

// noes are the checks that say no, in lines. A check that says no has a hint, and
// leaves nothing out: what is left out passes.
func noes(p *verdict.Proof) []string {
	var out []string
	for _, c := range p.Checks {
		if !c.OK {
			out = append(out, strings.TrimPrefix(c.Node+": ", ": ")+c.What+": "+c.Detail)
		}
		if !c.OK && c.Hint == "" {
			out = append(out, noHint)
		}
		if !c.OK && strings.Contains(c.Detail, "left out") {
			out = append(out, twoVerdicts)
		}
	}
	return out
}

// counted is how many connections a node got: others connect at the same time.
var counted = regexp.MustCompile(`(node-\d) [1-9]\d*\b`)

// golden compares a proof with testdata/verify; cmd prints it from there.
func golden(t *testing.T, name string, proof *verdict.Proof) {
	t.Helper()
	path := "../testdata/verify/" + name + ".json"
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
	f.Nodes["worker-1"] = &fakeNode{ID: "worker-1", Machines: f.Machines, Facts: debian(f.Cluster, f.Cluster.Workers[0]), On: map[string]step{}}
	proof, err := f.audit(t, 0, Depth{Tries: DefaultTries})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "noes", noes(proof), []string(nil))
	same(t, "changed", f.Log(), []string(nil))
	golden(t, "audit", proof)

	f.Turns = f.Turns[1:2]
	hears(f.Nodes["node-2"], "has", "52:54:00:00:00:ff", f.Cluster.VIP.String())
	f.Nodes["node-3"].Facts.VRRP["KPLB"] = "MASTER"
	f.Nodes["node-3"].Facts.Sysctls = map[string]string{"net.ipv4.ip_nonlocal_bind": "0"}
	set(f.Nodes["node-3"].Facts, "keepalived.service", func(u *node.Unit) { u.File = "disabled" })
	edit(f.Nodes["node-2"].Facts, render.HAProxyPath, "leastconn", "roundrobin")
	f.Nodes["node-1"].Down.Store(true)
	proof, err = f.audit(t, 0, Depth{Tries: DefaultTries})
	if err != nil {
		t.Fatal(err)
	}
	if got := noes(proof); slices.Contains(got, noHint) || slices.Contains(got, twoVerdicts) {
		t.Errorf("a no without a hint, or with two verdicts: %q", got)
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
	liar := apiserverAt(t, "127.0.0.1:0", stranger.Certificate(t, farAhead, []string{apiserver.SharedName}, "127.9.1.9"), says200)
	cases := []struct {
		name   string
		change func(f *fakeFleet)
		noes   []string
	}{
		{"the cluster's CA, and no apiserver", func(f *fakeFleet) {
			f.Turns = append(f.Turns, &fakeNode{Machines: f.Machines, Certificate: authority.Certificate(t, farAhead, []string{apiserver.SharedName}, "127.9.1.9")})
		}, []string{"every apiserver is behind " + at + ": some of 16 connections failed: a certificate of the cluster's CA answers that no apiserver shows on its own address"}},
		{"another CA, on one node's way to it", func(f *fakeFleet) {
			dial := f.Dial
			f.Dial = func(ctx context.Context, n inventory.Node) (node.Host, error) {
				h, err := dial(ctx, n)
				if n.Name == "node-2" {
					h = lost{h, at, liar}
				}
				return h, err
			}
		}, []string{"node-2: reaches " + at + ": /healthz: " + foreign}},
		{"no way from one node", func(f *fakeFleet) {
			dial := f.Dial
			f.Dial = func(ctx context.Context, n inventory.Node) (node.Host, error) {
				h, err := dial(ctx, n)
				if n.Name == "node-3" {
					h = lost{h, at, netip.AddrPort{}}
				}
				return h, err
			}
		}, []string{"node-3: reaches " + at + ": the host could not connect"}},
		{"one apiserver behind the VIP", func(f *fakeFleet) { f.Turns = f.Turns[:1] }, []string{
			"every apiserver is behind " + at + ": of 40 connections, told apart by certificate: node-1 40, node-2 0, node-3 0: none for node-2 and node-3",
		}},
		{"a second machine answers ARP", func(f *fakeFleet) { hears(f.Nodes["node-2"], "has", "52:54:00:00:00:ff", "127.9.1.9") },
			[]string{"node-2: nobody but the holder answers ARP for 127.9.1.9: 52:54:00:00:00:ff answers, which is no node of the inventory"}},
		{"the holder hears it, too", func(f *fakeFleet) { hears(f.Nodes["node-1"], "has", "52:54:00:00:00:ff", "127.9.1.9") },
			[]string{"node-1: nobody but the holder answers ARP for 127.9.1.9: 52:54:00:00:00:ff answers, which is no node of the inventory"}},
		{"another node answers", func(f *fakeFleet) { hears(f.Nodes["node-2"], "has", macOf(2), "127.9.1.9") },
			[]string{"node-2: nobody but the holder answers ARP for 127.9.1.9: 52:54:00:00:00:03 (node-3) answers, which does not hold it alone"}},
		{"a stranger sends adverts", func(f *fakeFleet) {
			hears(f.Nodes["node-2"], "vrrp", "127.9.1.77", "3", strconv.Itoa(f.Cluster.VRRP.VirtualRouterID), "255")
		}, []string{"node-2: no other router uses VRID 9: another router sends VRRP: 127.9.1.77 with virtual router ID 9 (version 3, priority 255)"}},
		{"two masters, by their own word", func(f *fakeFleet) { f.Nodes["node-3"].Facts.VRRP["KPLB"] = "MASTER" },
			[]string{"one keepalived is MASTER of VRRP instance KPLB: node-1 and node-3: MASTER; node-2: BACKUP"}},
		{"a node that cannot take over", func(f *fakeFleet) { f.Nodes["node-3"].Facts.VRRP["KPLB"] = "FAULT" },
			[]string{"one keepalived is MASTER of VRRP instance KPLB: node-1: MASTER; node-2: BACKUP; node-3: FAULT"}},
		{"the master is another one", func(f *fakeFleet) {
			f.Nodes["node-1"].Facts.VRRP["KPLB"], f.Nodes["node-3"].Facts.VRRP["KPLB"] = "BACKUP", "MASTER"
		}, []string{"one keepalived is MASTER of VRRP instance KPLB: node-3: MASTER; node-1 and node-2: BACKUP"}},
		{"no master", func(f *fakeFleet) { f.Nodes["node-1"].Facts.VRRP["KPLB"] = "BACKUP" },
			[]string{"one keepalived is MASTER of VRRP instance KPLB: node-1 and node-2 and node-3: BACKUP"}},
		{"a journal that forgets, and no master", func(f *fakeFleet) {
			f.Nodes["node-1"].Facts.VRRP["KPLB"], f.Nodes["node-3"].Facts.VRRP = "BACKUP", nil
		}, []string{"one keepalived is MASTER of VRRP instance KPLB: node-1 and node-2: BACKUP; node-3: unknown, the journal does not say"}},
		{"a journal that forgets", func(f *fakeFleet) { f.Nodes["node-1"].Facts.VRRP = nil }, nil},
		{"a file was edited", func(f *fakeFleet) { edit(f.Nodes["node-2"].Facts, render.HAProxyPath, "leastconn", "roundrobin") }, []string{
			"node-2: files are as rendered: /etc/haproxy/haproxy.cfg differs",
			"node-2: services are active, and start at boot: haproxy does not run with what is rendered",
		}},
		{"a sysctl was set back", func(f *fakeFleet) {
			f.Nodes["node-2"].Facts.Sysctls = map[string]string{"net.ipv4.ip_nonlocal_bind": "0"}
		}, []string{`node-2: sysctls are as rendered: net.ipv4.ip_nonlocal_bind is "0", not "1"`}},
		{"a service is not enabled", func(f *fakeFleet) {
			set(f.Nodes["node-2"].Facts, "keepalived.service", func(u *node.Unit) { u.File = "disabled" })
		}, []string{"node-2: services are active, and start at boot: keepalived does not start at boot"}},
		{"a service has failed", func(f *fakeFleet) {
			set(f.Nodes["node-2"].Facts, "keepalived.service", func(u *node.Unit) { u.Active = "failed" })
		}, []string{"node-2: services are active, and start at boot: keepalived is failed"}},
		{"ufw keeps VRRP out", func(f *fakeFleet) {
			facts := f.Nodes["node-2"].Facts
			put(facts, firewall.ConfPath, 0o644, []byte("ENABLED=yes\n"))
			put(facts, firewall.DefaultsPath, 0o644, []byte("DEFAULT_OUTPUT_POLICY=\"ACCEPT\"\n"))
			put(facts, firewall.RulesPath, 0o640, []byte("### tuple ### allow tcp 1 0.0.0.0/0 any 0.0.0.0/0 in\n"))
		}, []string{"node-2: the firewall allows what kplb needs: ufw does not allow: VRRP from 127.9.1.1; VRRP from 127.9.1.3; TCP port 6443 of 127.9.1.9"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := auditFleet(t)
			f.Cluster.VRRP.VirtualRouterID = 9
			for _, n := range f.Cluster.Nodes {
				f.Nodes[n.Name].Facts = applied(t, f.Cluster, n)
			}
			c.change(f)
			proof, err := f.audit(t, 0, Depth{Tries: 40})
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
			checks := checkWaysFromHere(c.tried)
			got := make([]string, 0, len(checks))
			for _, check := range checks {
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
		want verdict.Check
	}{
		{nil, verdict.Check{What: "reaches every VIP", OK: true, Detail: "10.1.233.1:6443: /healthz, /livez, /readyz ok, TLS verified"}},
		{fmt.Errorf("%w (administratively prohibited)", remote.ErrForwarding), verdict.Check{
			What: "reaches 10.1.233.1:6443", OK: true, Detail: "left out: its sshd allows no forwarding (AllowTcpForwarding)",
		}},
		{fmt.Errorf("%w to 10.1.233.1:6443: Connection refused", remote.ErrForwardFailed), verdict.Check{
			What: "reaches 10.1.233.1:6443", Detail: "the host could not connect to 10.1.233.1:6443: Connection refused",
			Hint: "look for a firewall or an nftables rule there and on the way (`nft list ruleset`), and at the MAC address that it has for 10.1.233.1 (`ip neigh show to 10.1.233.1`)",
		}},
	} {
		tried := apiserver.Reachability{Address: at}
		if c.err != nil {
			tried.Err = fmt.Errorf("/healthz: %w", &remote.Error{Host: "node-2", Err: c.err})
		}
		c.want.Node = "node-2"
		same(t, "checks", checkWays("node-2", "every VIP", []apiserver.Reachability{tried}), []verdict.Check{c.want})
	}
	san := &apiserver.NameError{Address: at, Names: []string{"kubernetes"}, Answers: true}
	same(t, "a missing SAN is told as one", checkWays("node-2", "every VIP", []apiserver.Reachability{{Address: at, Err: fmt.Errorf("/healthz: %w", san)}})[0].MissingSAN, true)
}

// TestCheckServices looks at what the node is to have, and at nothing else.
func TestCheckServices(t *testing.T) {
	t.Parallel()
	r := fleetOf(t, home)
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
		f, p := applied(t, r.Cluster, n), plan.NodePlan{}
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
