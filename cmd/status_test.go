package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/rollout/rollouttest"
	"github.com/kplb/kplb/status"
)

// golden compares with a file below testdata; `make golden` writes it anew.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("KPLB_UPDATE_SCRIPTS") != "" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}

func days(n status.DaysRemaining) *status.DaysRemaining { return &n }

func well(name string) status.NodeStatus {
	return status.NodeStatus{
		Node: name, HAProxy: "active", Keepalived: "active", ServersUp: 3, Servers: 3, Generation: "4", Certificate: days(362),
		VRRP: []status.VRRPStatus{{Instance: "KPLB", State: "BACKUP"}}, Apiserver: &status.ReadyStatus{Ready: 3, Asked: 3, Says: []string{"L7OK/200"}},
	}
}

func holder(name string) status.NodeStatus {
	n := well(name)
	n.Holder, n.VRRP[0].State = true, "MASTER"
	return n
}

func server(name, state, check string, sessions int) status.ServerStatus {
	return status.ServerStatus{Name: name, State: state, Check: check, Sessions: sessions}
}

func servers() []status.ServerStatus {
	return []status.ServerStatus{server("node-1", "UP", "L7OK/200", 12), server("node-2", "UP", "L7OK/200", 9), server("node-3", "UP", "L7OK/200", 10)}
}

func vip(holders ...string) status.VIPStatus {
	return status.VIPStatus{Address: "10.1.233.1", Instance: "KPLB", Holders: holders}
}

// sick has something else wrong with every node.
func sick() *status.Status {
	n1, n2, n3, n4 := holder("node-1"), well("node-2"), holder("node-3"), well("node-4")
	n1.Drift, n1.Pending = []status.Drift{{Path: "/etc/haproxy/haproxy.cfg", Difference: "differs"}, {Path: "/etc/sysctl.d/90-kplb.conf", Difference: "is missing"}}, "ann@desk, pid 7"
	n1.ServersUp, n1.Certificate = 1, days(-2)
	n1.Apiserver = &status.ReadyStatus{Ready: 1, Asked: 3, Says: []string{"L4CON", "L7OK/200"}}
	n2.HAProxy, n2.ServersUp, n2.Servers, n2.VRRP[0].State, n2.Certificate = "failed", 0, 0, "FAULT", days(29)
	n2.Apiserver = &status.ReadyStatus{Asked: 3, Says: []string{"L7STS/500"}}
	n3.VRRP[0].Derived, n3.ServersUp, n3.Servers, n3.Certificate = true, 0, 0, days(1)
	n3.Restored = "a change (ann) was taken back at 2026-11-20T20:00:00Z: the rollout stopped: not proven: 10.1.1.2: /healthz: 500; 10.1.1.3: /healthz: 500; node-3: haproxy: inactive"
	n4.Keepalived, n4.VRRP, n4.Certificate, n4.Generation = "", nil, nil, ""
	n4.Refused = []string{"no interface has the node's address 10.1.1.4"}
	n4.Apiserver = &status.ReadyStatus{Ready: 2, Asked: 2, Says: []string{"L7OK/401"}}
	n5 := status.NodeStatus{Node: "node-5", Unreachable: "node-5 (10.1.1.5:22): not reachable: no route to host"}
	return &status.Status{
		Cluster: "home", VIPs: []status.VIPStatus{vip("node-1", "node-3")}, Nodes: []status.NodeStatus{n1, n2, n3, n4, n5},
		SeenBy: "node-1", Servers: []status.ServerStatus{server("node-1", "UP", "L7OK/200", 12), server("node-2", "DOWN", "L7STS/500", 0), server("node-5", "MAINT", "", 0)},
	}
}

// directed is a cluster in which the kernel balances, and what can be wrong with that.
func directed() *status.Status {
	nodes := []status.NodeStatus{holder("node-1"), well("node-2"), well("node-3"), well("node-4")}
	for i := range nodes {
		nodes[i].HAProxy, nodes[i].IPVS = "", "active"
	}
	nodes[1].IPVS, nodes[2].Servers, nodes[3].VRRP = "inactive", 0, nil
	return &status.Status{
		Cluster: "home", Kernel: true, VIPs: []status.VIPStatus{vip("node-1")}, SeenBy: "node-1", Nodes: nodes,
		Servers: []status.ServerStatus{server("node-1", "UP", "SSL_GET ok", 12), server("node-2", "DOWN", "SSL_GET failed", 0)},
	}
}

// TestStatus of a cluster: for people and for programs, before an apply and after.
func TestStatus(t *testing.T) {
	const no = "kplb: not every node is as the inventory says, or a VIP is not on one node\n"
	atDesk(t, func(d *desk) {
		golden(d.t, "status/fresh.txt", d.kplb("status").ends(exitNo, no).stdout)
		d.kplb("apply", "--yes").ends(0)
		o := d.kplb("status").ends(0)
		golden(d.t, "status/applied.txt", o.stdout)
		same(d.t, "stderr", o.stderr, "")
		var seen status.Status
		if err := json.Unmarshal([]byte(d.kplb("status", "-o", "json").ends(0).stdout), &seen); err != nil {
			d.t.Fatal(err)
		}
		same(d.t, "who has the VIP", seen.VIPs[0].Holders, []string{"node-1"})
		d.Change("node-3", func(n *rollouttest.Node) { n.Unreachable = true })
		o = d.kplb("status").ends(exitNo, "node-3: is not reachable: no route to host")
		same(d.t, "stderr", o.stderr, no+"kplb: hint: is it on?\n")
		d.kplb("status", "--interval", "1ms").says(exitUsage, "", "kplb: interval must be between 100ms and 1h, not 1ms\nkplb: hint: see `kplb --help`, and `kplb COMMAND --help`\n")
		d.kplb("status", "-o", "yaml").ends(exitUsage, "output must be text or json, not \"yaml\"")
	})
}

// TestStatusWatch shows the cluster until it is interrupted, and then what was
// seen last is the answer.
func TestStatusWatch(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		ctx, interrupt := context.WithTimeout(d.t.Context(), 3500*time.Millisecond)
		defer interrupt()
		o := d.kplbIn(ctx, strings.NewReader(""), "status", "--watch", "--interval", "1s")
		same(d.t, "exit code", o.code, 0)
		same(d.t, "stderr", o.stderr, "")
		same(d.t, "times that it was shown", strings.Count(o.stdout, "  cluster home\nVIP 10.1.233.1 on node-1\n"), 4)
	})
}

func TestStatusOutput(t *testing.T) {
	t.Parallel()
	two := []status.VRRPStatus{{Instance: "KPLB", State: "MASTER"}, {Instance: "KPLB_2", State: "BACKUP"}}
	a, b := holder("node-1"), holder("node-2")
	a.VRRP, a.VIPs = two, []string{"10.1.233.1", "fd00::1"}
	b.VRRP, b.VIPs = []status.VRRPStatus{{Instance: "KPLB", State: "BACKUP"}, {Instance: "KPLB_2", State: "MASTER"}}, []string{"10.1.233.2"}
	for name, s := range map[string]*status.Status{
		"well": {
			Cluster: "home", VIPs: []status.VIPStatus{vip("node-2")}, SeenBy: "node-2", Servers: servers(),
			Nodes: []status.NodeStatus{well("node-1"), holder("node-2"), well("node-3"), {Node: "node-4", Worker: true, HAProxy: "inactive"}},
		},
		"sick": sick(),
		"several": {
			Cluster: "home", SeenBy: "node-1", Servers: servers()[:2], Nodes: []status.NodeStatus{a, b},
			VIPs: []status.VIPStatus{vip("node-1"), {Address: "fd00::1", Instance: "KPLB", Holders: []string{"node-1"}}, {Address: "10.1.233.2", Instance: "KPLB_2", Holders: []string{"node-2"}}},
		},
		"ipvs": directed(),
		"down": {
			Cluster: "home", VIPs: []status.VIPStatus{vip()}, Servers: []status.ServerStatus{},
			Nodes: []status.NodeStatus{{Node: "node-1", HAProxy: "inactive", Keepalived: "inactive"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, "status/"+name+".txt", statusText(s))
			var b bytes.Buffer
			if err := printJSON(&b, s); err != nil {
				t.Fatal(err)
			}
			golden(t, "status/"+name+".json", b.String())
			if !json.Valid(b.Bytes()) {
				t.Error("that is no JSON")
			}
			if got, want := judgeStatus(s) == nil, name == "well" || name == "several"; got != want {
				t.Errorf("as planned: %v, want %v", got, want)
			}
		})
	}
}

// TestWatchStatus ends with the last answer when it is interrupted, not with
// the interruption.
func TestWatchStatus(t *testing.T) {
	t.Parallel()
	cluster, err := inventory.Parse("cluster.yaml", []byte("apiVersion: kplb/v1alpha1\nkind: Cluster\nname: home\nvip: 10.1.233.1\nnodes:\n  - {name: a, address: 10.1.1.1}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for format, begins := range map[string]string{"text": "  cluster home\nVIP 10.1.233.1 on NO NODE\n", "json": "{\n  \"cluster\": \"home\",\n"} {
		ctx, interrupt := context.WithCancel(t.Context())
		dials := 0
		r := &rollout.Rollout{Fleet: &fleet.Fleet{Cluster: cluster, Dial: func(context.Context, inventory.Node) (node.Host, error) {
			if dials++; dials == 3 {
				interrupt()
			}
			return nil, &remote.Error{Host: "a", Err: remote.ErrUnreachable, Hint: "is it on?"}
		}}}
		var out, diagnostics bytes.Buffer
		s := streams{in: strings.NewReader(""), out: &out, err: &diagnostics}
		err := statusOptions{command: command{streams: &s}, format: format, interval: 100 * time.Millisecond}.watchNodes(ctx, r)
		if code := s.exit(ctx, err); code != exitNo {
			t.Errorf("%s: exit code %d\n%s", format, code, &diagnostics)
		}
		if d := cmp.Diff("kplb: not every node is as the inventory says, or a VIP is not on one node\nkplb: hint: is it on?\n", diagnostics.String()); d != "" {
			t.Errorf("%s:\n%s", format, d)
		}
		if n := strings.Count(out.String(), begins); n < 2 {
			t.Errorf("%s: shown %d times:\n%s", format, n, &out)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	silent := &rollout.Rollout{Fleet: &fleet.Fleet{Cluster: cluster, Dial: func(ctx context.Context, _ inventory.Node) (node.Host, error) { return nil, ctx.Err() }}}
	if err := (statusOptions{command: command{streams: &streams{}}, interval: time.Second}).watchNodes(ended, silent); !errors.Is(err, context.Canceled) {
		t.Errorf("nothing was seen: %v", err)
	}
}

// TestScreen: in place on a terminal, and cut to it; one after the other
// elsewhere.
func TestScreen(t *testing.T) {
	t.Parallel()
	var plain, terminal strings.Builder
	elsewhere := screen{w: &plain}
	here := screen{w: &terminal, size: func() (int, int) { return 10, 5 }}
	for _, text := range []string{"one\ntwo\n", "0123456789\n0123456789x\n3\n4\n5\n6\n", "one\n"} {
		if err := errors.Join(elsewhere.show(text), here.show(text)); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff("one\ntwo\n\n0123456789\n0123456789x\n3\n4\n5\n6\n\none\n", plain.String()); d != "" {
		t.Error(d)
	}
	const end = "\x1b[K\n"
	want := "\x1b[2J\x1b[Hone" + end + "two" + end + "\x1b[J" +
		"\x1b[H0123456789" + end + "012345678…" + end + "3" + end + "…" + end + "\x1b[J" +
		"\x1b[Hone" + end + "\x1b[J"
	if d := cmp.Diff(want, terminal.String()); d != "" {
		t.Error(d)
	}
	full := screen{w: brokenPipe{}}
	if err := full.show("x\n"); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v", err)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
