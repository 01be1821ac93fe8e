package verify

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/verdict"
)

// TestAnswer: a check has the hint of its error, or what helps with most others.
func TestAnswer(t *testing.T) {
	t.Parallel()
	const usual = "check what listens there (`ss -ltnp` on the node) and its log, and look for a firewall on the way"
	at := netip.MustParseAddrPort("10.1.1.1:6443")
	same(t, "ok", answer("node-1", "it answers", nil), verdict.Check{Node: "node-1", What: "it answers", OK: true, Detail: "ok, TLS verified"})
	same(t, "another error", answer("", "", errors.New("no")), verdict.Check{Detail: "no", Hint: usual})
	refused := &apiserver.StatusError{Code: 500, Path: "/readyz"}
	same(t, "a status", answer("", "", refused), verdict.Check{Detail: refused.Error(), Hint: refused.Hint()})
	for _, answers := range []bool{true, false} {
		name := &apiserver.NameError{Address: at, Answers: answers}
		same(t, "a missing SAN", answer("", "", name), verdict.Check{Detail: name.Error(), Hint: name.Hint(), MissingSAN: answers})
	}
}

func TestCheckHolder(t *testing.T) {
	t.Parallel()
	const firewall = "the nodes do not hear each other's VRRP adverts (IP protocol 112): look for a firewall between them"
	cases := []struct {
		holders []string
		holder  string
		want    verdict.Check
	}{
		{nil, "", verdict.Check{OK: false, Detail: "no node does", Hint: "look at `journalctl -u keepalived` on the nodes: FAULT names the reason"}},
		{[]string{"node-2"}, "node-2", verdict.Check{OK: true, Detail: "node-2"}},
		{[]string{"node-3", "node-1"}, "", verdict.Check{OK: false, Detail: "node-1, node-3", Hint: firewall}},
	}
	for _, c := range cases {
		r := fleetOf(t, home)
		facts := all(t, r.Cluster, fresh)
		for _, h := range c.holders {
			facts[h].Addresses = append(facts[h].Addresses, address("eth0", "10.1.233.1/32"))
		}
		c.want.What = "one node holds 10.1.233.1"
		holder, check := node.Holder(r.Cluster.VIP, r.Everyone(), facts), checkHolder(r.Cluster.VIP, r.Everyone(), facts)
		same(t, "holder", holder, c.holder)
		same(t, "check", check, c.want)
	}
}

func TestCheckNode(t *testing.T) {
	t.Parallel()
	const look = "look at /readyz of those apiservers, and at `journalctl -u haproxy` on the node"
	good := []verdict.Check{
		{What: "apiserver has its own address only", OK: true, Detail: "10.1.1.2:6443"},
		{What: "haproxy sees its servers", OK: true, Detail: "3 of 3 up"},
	}
	cases := []struct {
		name   string
		differ func(f *node.Facts)
		absent string
		want   []verdict.Check // OK where nil
	}{
		{"as it should be", func(*node.Facts) {}, "", good},
		{
			"everywhere", func(f *node.Facts) {
				f.Listeners = []node.Listener{listener("[::]:6443", distribution.APIServer), listener("10.1.1.2:6443", distribution.APIServer), listener("[::]:1", distribution.APIServer), listener("10.0.0.1:6443", "x")}
			}, "",
			[]verdict.Check{{What: good[0].What, Detail: "listens on [::]:6443, 10.1.1.2:6443", Hint: "run `kplb apply`"}, good[1]},
		},
		{"not there", func(f *node.Facts) { f.Listeners = nil }, "", []verdict.Check{{What: good[0].What, Detail: "listens on nothing", Hint: "run `kplb apply`"}, good[1]}},
		{
			"haproxy is silent", func(f *node.Facts) { f.Servers = nil }, "",
			[]verdict.Check{good[0], {What: good[1].What, Detail: "haproxy does not answer on 127.0.0.1:8404", Hint: "look at `journalctl -u haproxy` on the node"}},
		},
		{
			"another haproxy on the same port", func(f *node.Facts) {
				f.Listeners = append(f.Listeners, node.Listener{Address: listener("127.0.0.1:8404", "").Address, Process: node.HAProxyProcess, Outside: "pid 7, web.service"})
			}, "",
			[]verdict.Check{good[0], {
				What: good[1].What, Detail: "another haproxy listens on port 8404, too (pid 7, web.service): which of the two has answered is not known",
				Hint: "stop it, or set haproxy.monitorPort to a free port",
			}},
		},
		{"another haproxy elsewhere", func(f *node.Facts) {
			f.Listeners = append(f.Listeners, node.Listener{Address: listener("127.0.0.1:8405", "").Address, Process: node.HAProxyProcess, Outside: "pid 7"})
		}, "", good},
		{
			"servers down", func(f *node.Facts) {
				f.Servers[0].Status, f.Servers[0].Check = "DOWN", "L4CON"
				f.Servers[2].Status, f.Servers[2].Check = "MAINT", ""
			}, "",
			[]verdict.Check{good[0], {What: good[1].What, Detail: "1 of 3 up: node-1 is DOWN (L4CON), node-3 is MAINT ()", Hint: look}},
		},
		{"going down counts as up", func(f *node.Facts) { f.Servers[0].Status = "UP 1/2" }, "", good},
		{"a server that is left out may be down", func(f *node.Facts) { f.Servers[2].Status = "DOWN" }, "node-3", []verdict.Check{good[0], {What: good[1].What, OK: true, Detail: "2 of 3 up, without node-3, which cannot be reached"}}},
		{
			"another haproxy.cfg", func(f *node.Facts) { f.Servers = f.Servers[:2] }, "",
			[]verdict.Check{good[0], {What: good[1].What, Detail: "2 of 2 up, and 3 nodes", Hint: look}},
		},
		{
			"no server", func(f *node.Facts) { f.Servers = []haproxy.ServerState{} }, "",
			[]verdict.Check{good[0], {What: good[1].What, Detail: "0 of 0 up, and 3 nodes", Hint: look}},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := fleetOf(t, home)
			n := r.Cluster.Nodes[1]
			f := applied(t, r.Cluster, n)
			c.differ(f)
			want := slices.Clone(c.want) // good belongs to several cases
			for i := range want {
				want[i].Node = "node-2"
			}
			same(t, "checks", checkNode(r.Cluster, n, f, map[string]bool{c.absent: true}), want)
		})
	}
}

// TestProve verifies a whole cluster.
func TestProve(t *testing.T) {
	t.Parallel()
	l := fleettest.GoLive(t, "127.0.4")
	facts := l.Facts
	proof, err := Prove(t.Context(), l.Fleet, facts)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]string, 0, len(proof.Checks))
	for _, c := range proof.Checks {
		got = append(got, fmt.Sprintf("%v %s: %s: %s", c.OK, c.Node, c.What, c.Detail))
	}
	port := strconv.Itoa(int(l.Cluster.Port))
	want := make([]string, 0, len(proof.Checks))
	for i, n := range l.Cluster.Nodes {
		at := fmt.Sprintf("127.0.4.%d:%s", i+1, port)
		want = append(want, "true "+n.Name+": /healthz on "+at+": ok, TLS verified", "true "+n.Name+": /readyz on "+at+": ok, TLS verified",
			"true "+n.Name+": apiserver has its own address only: "+at, "true "+n.Name+": haproxy sees its servers: 3 of 3 up")
	}
	want = append(want, "true : one node holds 127.0.4.9: node-1", "true : /healthz on 127.0.4.9:"+port+": ok, TLS verified")
	same(t, "checks", got, want)
	same(t, "holder", proof.Holder, "node-1")
	same(t, "proven", proof.OK(), true)

	l.Answers["node-2"] = respond(500, "")
	facts["node-3"].Servers = nil
	proof, err = Prove(t.Context(), l.Fleet, facts)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "proven", proof.OK(), false)
	says(t, &verdict.ProofError{Proof: proof}, "not proven: node-2: /healthz on 127.0.4.2:"+port+": answers 500 Internal Server Error; "+
		"node-2: /readyz on 127.0.4.2:"+port+": answers 500 Internal Server Error; node-3: haproxy sees its servers: haproxy does not answer on 127.0.0.1:8404")

	delete(facts["node-2"].Files, kubeadm.CAPath)
	_, err = Prove(t.Context(), l.Fleet, facts)
	says(t, err, "node-2: /etc/kubernetes/pki/ca.crt is not there")
	same(t, "no check at all proves nothing", (&verdict.Proof{}).OK(), false)
}

func TestProveGone(t *testing.T) {
	t.Parallel()
	l := fleettest.GoLive(t, "127.0.5")
	proof, err := proveRemoved(t.Context(), l.Fleet, l.Facts)
	if err != nil {
		t.Fatal(err)
	}
	says(t, &verdict.ProofError{Proof: proof}, "not proven: node-1: does not hold 127.0.5.9: it still does")
	l.Facts["node-1"].Addresses = l.Facts["node-1"].Addresses[:2]
	l.Answers[""] = respond(500, "") // nobody asks
	if proof, err = proveRemoved(t.Context(), l.Fleet, l.Facts); err != nil || !proof.OK() {
		t.Errorf("%v, %v", proof, err)
	}
}

// TestUntilProven: the nodes are looked at again and again until all is as it should
// be, or patience is over.
func TestUntilProven(t *testing.T) {
	t.Parallel()
	type verify func(f *fakeFleet, ctx context.Context, patience time.Duration) (*verdict.Proof, error)
	proves := verify(func(f *fakeFleet, ctx context.Context, d time.Duration) (*verdict.Proof, error) {
		return Installed(ctx, f.Fleet, fleet.Inspection{}, d)
	})
	gone := verify(func(f *fakeFleet, ctx context.Context, d time.Duration) (*verdict.Proof, error) {
		return Removed(ctx, f.Fleet, fleet.Inspection{}, d)
	})
	holds := func(f *fakeFleet) {
		n := f.Nodes["node-1"].Facts
		n.Addresses = n.Addresses[:2]
	}
	cases := []struct {
		name   string
		verify verify
		before func(f *fakeFleet)
		after  func(f *fakeFleet) // 10 s
		want   time.Duration
		says   string
	}{
		{"at once", proves, nil, nil, 0, ""},
		{"after a while", proves, func(f *fakeFleet) { f.VIP.Down.Store(true) }, func(f *fakeFleet) { f.VIP.Down.Store(false) }, 10 * time.Second, ""},
		{
			"never", proves, func(f *fakeFleet) { f.VIP.Down.Store(true) }, nil, 30 * time.Second,
			"not proven: /healthz on 127.9.1.9:1: dial tcp 127.9.1.9:1: connect: connection refused",
		},
		{"gone at once", gone, holds, nil, 0, ""},
		{"gone after a while", gone, nil, holds, 10 * time.Second, ""},
		{"held before kplb, too", gone, func(f *fakeFleet) {
			plantest.Put(f.Nodes["node-1"].Facts, render.KeepalivedPath, 0o644, []byte("vrrp_instance A { virtual_ipaddress { 127.9.1.9/32 } }"))
		}, nil, 0, ""},
		{"held by another file that does not have it", gone, func(f *fakeFleet) {
			plantest.Put(f.Nodes["node-1"].Facts, render.KeepalivedPath, 0o644, []byte("vrrp_instance A { virtual_ipaddress { 127.9.1.8 } }"))
		}, nil, 30 * time.Second, "not proven: node-1: does not hold 127.9.1.9: it still does"},
		{"never gone", gone, nil, nil, 30 * time.Second, "not proven: node-1: does not hold 127.9.1.9: it still does"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			fleettest.InBubble(t, func(t *testing.T) {
				f := newFleet(t, applied)
				if c.before != nil {
					c.before(f)
				}
				if c.after != nil {
					time.AfterFunc(9750*time.Millisecond, f.Locked(func() { c.after(f) }))
				}
				begin := time.Now()
				proof, err := c.verify(f, t.Context(), 29750*time.Millisecond)
				says(t, err, "")
				same(t, "took", time.Since(begin), c.want)
				if !proof.OK() {
					err = &verdict.ProofError{Proof: proof}
				}
				says(t, err, c.says)
				f.Ends()
			})
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		fleettest.InBubble(t, func(t *testing.T) {
			f := newFleet(t, applied)
			f.VIP.Down.Store(true)
			ctx, cancel := context.WithTimeout(t.Context(), 2750*time.Millisecond)
			defer cancel()
			proof, err := Installed(ctx, f.Fleet, fleet.Inspection{}, time.Minute)
			says(t, err, "context deadline exceeded")
			same(t, "what was seen last is there", proof.OK(), false)
			f.Ends()
		})
	})
	t.Run("a node is lost", func(t *testing.T) {
		fleettest.InBubble(t, func(t *testing.T) {
			f := newFleet(t, applied)
			f.Nodes["node-2"].On["inspect"] = fleettest.Fails(fleettest.ErrLost)
			_, err := Installed(t.Context(), f.Fleet, fleet.Inspection{}, time.Minute)
			says(t, err, "node: connection lost")
			f.Ends()
		})
	})
	t.Run("what was just seen is not asked again", func(t *testing.T) {
		fleettest.InBubble(t, func(t *testing.T) {
			f := newFleet(t, applied)
			facts, err := f.Inspect(t.Context(), fleet.Inspection{})
			says(t, err, "")
			for _, n := range f.Nodes {
				n.On["inspect"] = fleettest.Fails(errors.New("asked again"))
			}
			proof, err := Prove(t.Context(), f.Fleet, facts)
			says(t, err, "")
			same(t, "proven", proof.OK(), true)
			f.Ends()
		})
	})
}

// TestUntilProvenSaysWhatItWaitsFor names the first check that does not pass.
func TestUntilProvenSaysWhatItWaitsFor(t *testing.T) {
	fleettest.InBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.VIP.Down.Store(true)
		time.AfterFunc(700*time.Millisecond, func() { f.VIP.Down.Store(false) })
		w := &fleettest.Told{}
		f.OnEvent = w.Take
		proof, err := Installed(t.Context(), f.Fleet, fleet.Inspection{}, time.Minute)
		says(t, err, "")
		same(t, "proven", proof.OK(), true)
		same(t, "the cluster", len(w.Of("")) > 0, true)
		for _, what := range w.Of("") {
			if !strings.HasPrefix(what, "proving /healthz through the VIP: /healthz on 127.9.1.9:1: ") {
				t.Errorf("waits for %q", what)
			}
		}
		same(t, "still at work", len(w.AtWork()), 0)
		f.Ends()
	})
}
