package refusal_test

import (
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/render"
)

// joined is a worker, as kubeadm has left it, of a cluster with balancers on its workers.
func joined(t *testing.T) (*inventory.Cluster, *node.Facts) {
	t.Helper()
	c := parse(t, plantest.Home)
	worker := inventory.Node{Name: "worker-1", Worker: true, Address: netip.MustParseAddr("10.1.1.4")}
	c.Workers, c.WorkerBalancer = []inventory.Node{worker}, &inventory.WorkerBalancer{Port: 7443, Strategy: inventory.Failover}
	f := plantest.Debian(c, worker)
	put(f, kubeadm.CAPath, 0o644, plantest.CA.PEM)
	put(f, kubeadm.KubeletPath, 0o600, plantest.Kubeconfig(t, "https://node-1.home.arpa:6443"))
	return c, f
}

// TestWorker: a worker without a balancer has to be one of the cluster's all the same.
func TestWorker(t *testing.T) {
	t.Parallel()
	c, f := joined(t)
	c.WorkerBalancer = nil
	f.Units = nil
	delete(f.Files, kubeadm.KubeletPath)
	same(t, "refused", refusal.OnNode(c, c.Workers[0], f), []refusal.Refusal{
		{Node: "worker-1", What: "systemd does not answer", Hint: "kplb needs systemd on the nodes"},
		{Node: "worker-1", What: "/etc/kubernetes/kubelet.conf is not there: not a kubeadm worker", Hint: "list workers that kubeadm has joined"},
	})
}

// TestReasons leaves the nodes' names out.
func TestReasons(t *testing.T) {
	t.Parallel()
	refused := &refusal.Error{Refusals: []refusal.Refusal{{Node: "node-1", What: "a", Hint: "h"}, {Node: "node-2", What: "b", Hint: "h", Where: "cluster.yaml:1:2"}}}
	says(t, refused, "node-1: a\ncluster.yaml:1:2: node-2: b")
	same(t, "hints", refused.Hints(), []string{"h"})
	same(t, "of refusals", refusal.Reasons(fmt.Errorf("x: %w", refused)), []string{"a", "b"})
	same(t, "of another error", refusal.Reasons(fs.ErrExist), []string{"file already exists"})
}

// TestWaiting: another change waits for the one that is awaiting confirmation, or for the
// operator who is at work.
func TestWaiting(t *testing.T) {
	t.Parallel()
	c := parse(t, plantest.Home)
	facts := all(t, c)
	says(t, refusal.Waiting(c.Nodes, facts), "")
	for _, name := range []string{"node-1", "node-3"} {
		put(facts[name], "/var/lib/kplb/pending/txn", 0o600, []byte("abc\n"))
		put(facts[name], "/var/lib/kplb/pending/about", 0o600, []byte("ann@desk, pid 7, cluster home\n"))
	}
	facts["node-3"].LockedBy = "bob@desk, pid 8"
	says(t, refusal.Waiting(c.Nodes, facts), "node-1: a change is awaiting confirmation: ann@desk, pid 7, cluster home\nnode-3: locked by bob@desk, pid 8")
}

// TestBalancer is what a worker's balancer wants of its node.
func TestBalancer(t *testing.T) {
	t.Parallel()
	listener := func(address, process string) func(*node.Facts) {
		return func(f *node.Facts) {
			f.Listeners = []node.Listener{{Address: netip.MustParseAddrPort(address), Process: process}}
		}
	}
	for _, c := range []struct {
		name   string
		differ func(f *node.Facts)
		says   string
	}{
		{"nothing is in the way", func(*node.Facts) {}, ""},
		{"no CA", func(f *node.Facts) { delete(f.Files, kubeadm.CAPath) }, "/etc/kubernetes/pki/ca.crt is not there, which HAProxy checks the apiservers by"},
		{"few files", func(f *node.Facts) { set(f, "haproxy.service", func(u *node.Unit) { u.OpenFiles = 1123 }) }, "haproxy may open 1123 files, too few for 512 connections"},
		{"enough files", func(f *node.Facts) { set(f, "haproxy.service", func(u *node.Unit) { u.OpenFiles = 1124 }) }, ""},
		{"no package", func(f *node.Facts) { f.HAProxy, f.OS = node.Package{}, node.OS{ID: "fedora", Version: "44"} }, "haproxy is not installed, and packages are not installed on fedora 44 yet"},
		{"too old", func(f *node.Facts) { f.HAProxy.Version = render.Version{Major: 1, Minor: 8} }, "haproxy 1.8.0 is too old, at least 2.2.0 is needed"},
		{"masked", func(f *node.Facts) { set(f, "haproxy.service", func(u *node.Unit) { u.Load = "masked" }) }, "haproxy.service is masked"},
		{"a link", func(f *node.Facts) { put(f, render.HAProxyPath, fs.ModeSymlink|0o777, nil) }, "/etc/haproxy/haproxy.cfg is a symbolic link, not a regular file"},
		{"a tunnel has its port", listener("127.0.0.1:7443", "sshd"), "port 7443, for the worker's balancer, is taken by sshd"},
		{"somebody has it everywhere", listener("[::]:7443", ""), "port 7443, for the worker's balancer, is taken by an unknown process"},
		{"elsewhere", listener("10.1.1.4:7443", "nginx"), ""},
		{"haproxy has it", listener("127.0.0.1:7443", "haproxy"), ""},
		{"the monitor's port", listener("0.0.0.0:8404", "exporter"), "port 8404, for haproxy's monitor page, is taken by exporter"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cluster, f := joined(t)
			c.differ(f)
			found := refusal.OnNode(cluster, cluster.Workers[0], f)
			got := make([]string, 0, len(found))
			for _, r := range found {
				got = append(got, r.What)
				same(t, "has a hint", r.Hint != "", true)
			}
			same(t, "refused", strings.Join(got, "\n"), c.says)
			cluster.WorkerBalancer = nil
			same(t, "without a balancer", refusal.OnNode(cluster, cluster.Workers[0], f), []refusal.Refusal(nil))
		})
	}
}
