package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

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

func TestStatus(t *testing.T) {
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
			golden(t, "status/"+name+".txt", Status(s))
			var b bytes.Buffer
			if err := JSON(&b, s); err != nil {
				t.Fatal(err)
			}
			golden(t, "status/"+name+".json", b.String())
			if !json.Valid(b.Bytes()) {
				t.Error("that is no JSON")
			}
			if got, want := s.AsPlanned(), name == "well" || name == "several"; got != want {
				t.Errorf("as planned: %v, want %v", got, want)
			}
		})
	}
}
