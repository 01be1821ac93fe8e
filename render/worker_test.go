package render

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/inventory"
)

// TestWorkerPaths: what a generation of a control-plane node holds has room for
// a worker's files, too.
func TestWorkerPaths(t *testing.T) {
	t.Parallel()
	for _, path := range WorkerPaths() {
		if !slices.Contains(Paths(), path) {
			t.Errorf("%s is not among %v", path, Paths())
		}
	}
}

func TestNoWorkerFiles(t *testing.T) {
	t.Parallel()
	c := loadCluster(t, casesDir+"/worker-balancer/inventory.yaml")
	c.WorkerBalancer = nil
	artifacts, err := builtin(t).Worker(c, c.Workers[0], DefaultFacts(c.Workers[0]))
	if err != nil || len(artifacts) > 0 {
		t.Errorf("%d files without a balancer: %v", len(artifacts), err)
	}
}

func names(nodes []inventory.Node) string {
	out := make([]string, len(nodes))
	for i, n := range nodes {
		out[i] = n.Name
	}
	return strings.Join(out, " ")
}

// TestServersFor: every worker has an order of its own, all apiservers come
// first somewhere, and one that comes or goes changes no other's place.
func TestServersFor(t *testing.T) {
	t.Parallel()
	nodes := []inventory.Node{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	first := map[string]int{}
	for i := range 300 {
		worker := inventory.Node{Name: fmt.Sprintf("worker-%d", i)}
		all := serversFor(worker, nodes)
		first[all[0].Name]++
		reversed := slices.Clone(nodes)
		slices.Reverse(reversed)
		if d := cmp.Diff(names(all), names(serversFor(worker, reversed))); d != "" {
			t.Errorf("%s: the order of the inventory counts:\n%s", worker.Name, d)
		}
		more := serversFor(worker, append(slices.Clone(nodes), inventory.Node{Name: "d"}))
		more = slices.DeleteFunc(more, func(n inventory.Node) bool { return n.Name == "d" })
		if d := cmp.Diff(names(all), names(more)); d != "" {
			t.Errorf("%s: another order with d:\n%s", worker.Name, d)
		}
	}
	for _, n := range nodes {
		if first[n.Name] < 70 || first[n.Name] > 130 {
			t.Errorf("%s is the first of %d of 300 workers", n.Name, first[n.Name])
		}
	}
}

func TestReadBackWorker(t *testing.T) {
	t.Parallel()
	c := loadCluster(t, casesDir+"/worker-balancer/inventory.yaml")
	artifacts, err := builtin(t).Worker(c, c.Workers[0], DefaultFacts(c.Workers[0]))
	if err != nil {
		t.Fatal(err)
	}
	if err := ReadBackWorker(artifacts, c); err != nil {
		t.Error(err)
	}
	if err := ReadBackWorker(nil, c); err != nil {
		t.Error(err)
	}
	for change, want := range map[[2]string]string{
		{"bind 127.0.0.1:7443", "bind *:7443"}:   HAProxyPath + " does not have bind 127.0.0.1:7443",
		{"server kubernetes-node-2", "# server"}: HAProxyPath + " does not have a server 10.1.1.2:6443",
		{"mode tcp", "mode http"}:                HAProxyPath + " has backend kube-apiserver in mode http: clients speak TLS with the apiserver, it has to be tcp\n" + HAProxyPath + " has frontend kube-apiserver-in in mode http: clients speak TLS with the apiserver, it has to be tcp",
		{"uri /readyz", "uri /"}:                 HAProxyPath + " checks /, which is none of /readyz, /livez, /healthz",
	} {
		broken := slices.Clone(artifacts)
		broken[0].Content = replaceAll(t, broken[0].Content, change[0], change[1])
		if err := ReadBackWorker(broken, c); err == nil || err.Error() != want {
			t.Errorf("%v: %v, want %s", change, err, want)
		}
	}
}

// TestWorkerFacts: versions and refusals of anonymous requests count, and long
// check intervals stay below a minute.
func TestWorkerFacts(t *testing.T) {
	t.Parallel()
	c := loadCluster(t, casesDir+"/worker-balancer/inventory.yaml")
	c.HAProxy.Check.Interval *= 40
	c.WorkerBalancer.Port = 7444
	f := DefaultFacts(c.Workers[0])
	f.HAProxy, f.Expect = Version{2, 2, 9}, "200,401"
	artifacts, err := builtin(t).Worker(c, c.Workers[0], f)
	if err != nil {
		t.Fatal(err)
	}
	content := string(artifacts[0].Content)
	for text, want := range map[string]bool{
		"srvtcpka-idle": false, "status 200,401\n": true, "anonymous requests are refused": true,
		" inter 1m fastinter 40s downinter 1m ": true, "bind 127.0.0.1:7444\n": true,
	} {
		if strings.Contains(content, text) != want {
			t.Errorf("has %q: %t", text, !want)
		}
	}
	if got, want := c.WorkerBalancer.Address(), netip.MustParseAddrPort("127.0.0.1:7444"); got != want || c.WorkerBalancer.URL() != "https://127.0.0.1:7444" {
		t.Errorf("got %s and %s", got, c.WorkerBalancer.URL())
	}
}

// TestFirewallForWorkers: their balancers go to the apiservers' own addresses.
func TestFirewallForWorkers(t *testing.T) {
	t.Parallel()
	c := loadCluster(t, casesDir+"/worker-balancer/inventory.yaml")
	rule := Rule{Protocol: "tcp", To: c.Nodes[0].Address, Port: c.Port}
	if !slices.Contains(Firewall(c, c.Nodes[0]), rule) {
		t.Errorf("%s is not let in", rule)
	}
	c.WorkerBalancer = nil
	if slices.Contains(Firewall(c, c.Nodes[0]), rule) {
		t.Errorf("%s is let in without any balancer", rule)
	}
}
