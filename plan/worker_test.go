package plan

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/member"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/render"
)

const theWorker = "worker-1"

// balancedInput is a cluster in which everything goes through the VIP already,
// and that is to have a balancer on its worker, whose facts of makes.
func balancedInput(t *testing.T, of func(*testing.T, *Input, inventory.Node) *node.Facts) (*Input, map[string]*node.Facts) {
	t.Helper()
	in, facts := managed(t)
	in.Cluster.WorkerBalancer = &inventory.WorkerBalancer{Port: 7443, Strategy: inventory.Failover}
	for name, f := range facts {
		put(f, kubeadm.CertificatePath, 0o644, servingCertificate(t, []string{"kubernetes", name}, "10.1.233.1"))
		put(f, kubeadm.AdminPath, 0o600, kubeconfigFor(t, in.Cluster.EndpointURL()))
	}
	worker := inventory.Node{Name: theWorker, Worker: true, Address: netip.MustParseAddr("10.1.1.4")}
	in.Cluster.Workers = []inventory.Node{worker}
	facts[theWorker] = of(t, in, worker)
	return in, facts
}

// justJoined is a worker as kubeadm has left it.
func justJoined(t *testing.T, in *Input, n inventory.Node) *node.Facts {
	t.Helper()
	f := debian(in.Cluster, n)
	f.Keepalived, f.Manifests, f.Listeners = node.Package{}, nil, nil
	delete(f.Units, "keepalived.service")
	put(f, kubeadm.CAPath, 0o644, plantest.CA.PEM)
	put(f, render.HAProxyPath, 0o644, []byte("# Debian's own\nglobal\n\tdaemon\n"))
	put(f, kubeadm.KubeletPath, 0o600, kubeconfigFor(t, "https://node-1.home.arpa:6443"))
	return f
}

// balanced is a worker on which there is nothing to do.
func balanced(t *testing.T, in *Input, n inventory.Node) *node.Facts {
	t.Helper()
	f := justJoined(t, in, n)
	artifacts, err := in.Templates.Worker(in.Cluster, n, render.Facts{HAProxy: f.HAProxy.Version})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range artifacts {
		put(f, a.Path, a.Mode, a.Content)
	}
	edited, err := pointAtBalancer(in.Cluster, f.Files[kubeadm.KubeletPath].Content, plantest.CA.PEM, nil)
	if err != nil {
		t.Fatal(err)
	}
	put(f, kubeadm.KubeletPath, 0o600, edited)
	put(f, node.ActivePath, 0o600, activeSums(artifacts))
	put(f, "/var/lib/kplb/current", 0o600, []byte("1\n"))
	f.Units["haproxy.service"] = node.Unit{Load: "loaded", Active: "active", File: "enabled", MainPID: 500, OpenFiles: 524288}
	f.KubeletConnected = true
	return f
}

// beforeKplb is generation 0 of the worker.
func beforeKplb(t *testing.T, in *Input) savedSnapshots {
	t.Helper()
	return savedSnapshots{{theWorker, 0}: plantest.Snapshot(justJoined(t, in, in.Cluster.Workers[0]))}
}

// ofWorker makes the plan, and gives the worker's and the notes.
func ofWorker(t *testing.T, in Input, from savedSnapshots) (NodePlan, []string) {
	t.Helper()
	p, err := makeWith(t, in, from)
	if err != nil {
		t.Fatal(err)
	}
	return p.of(theWorker), p.Notes()
}

// TestBalancerComes: the worker is last, and its kubelet checks the certificate
// by a name that it has.
func TestBalancerComes(t *testing.T) {
	t.Parallel()
	in, facts := balancedInput(t, justJoined)
	p, err := makeWith(t, in.with(facts), nil)
	says(t, err, "")
	last := p.Nodes[len(p.Nodes)-1]
	same(t, "the last one", last.Node.Name, theWorker)
	same(t, "plan", retell(last), whatPlan{
		[]string{"changed " + render.HAProxyPath, "new " + render.HAProxyUnitPath, "changed " + kubeadm.KubeletPath},
		[]string{"daemon-reload", "haproxy start", "enable haproxy.service"},
		[]string{"haproxy: starts", "kubelet: restarts, pods keep running", "enabled at boot: haproxy.service"},
	})
	at, ok := last.Balancer()
	same(t, "balancer", fmt.Sprint(at, ok), "127.0.0.1:7443 true")
	_, ok = p.Nodes[0].Balancer()
	same(t, "of a control-plane node", ok, false)
	diff := last.change(kubeadm.KubeletPath).Diff
	if !strings.Contains(diff, "+    server: https://127.0.0.1:7443\n+    tls-server-name: kubernetes\n") || strings.Contains(diff, "key-data: L") {
		t.Errorf("kubelet.conf:\n%s", diff)
	}
}

// TestBalancerUnused: who leaves the kubelets to themselves is told so.
func TestBalancerUnused(t *testing.T) {
	t.Parallel()
	in, facts := balancedInput(t, justJoined)
	in.Cluster.Endpoint = inventory.Leave
	put(facts[theWorker], render.HAProxyPath, 0o644, []byte("frontend ingress\n    bind :443\n"))
	n, notes := ofWorker(t, in.with(facts), nil)
	same(t, "files", retell(n).Files, []string{"changed " + render.HAProxyPath, "new " + render.HAProxyUnitPath})
	same(t, "notes", notes, []string{
		"worker-1: /etc/haproxy/haproxy.cfg is in use and was not written by kplb: it is replaced, and `kplb remove` restores it",
		"worker-1: gets a balancer that its kubelet does not use, because endpoint is leave: with endpoint: manage it does",
	})
}

// TestBalancerGoes, with the inventory's word or with all of kplb: haproxy is as
// before, and the kubelet elsewhere first.
func TestBalancerGoes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		endpoint inventory.Care
		to       Target
		server   string
	}{
		{"to the VIP", inventory.Manage, ToInventory, "https://10.1.233.1:6443"},
		{"to where it was", inventory.Leave, ToInventory, "https://node-1.home.arpa:6443"},
		{"with kplb", inventory.Manage, ToGeneration, "https://node-1.home.arpa:6443"},
	} {
		in, facts := balancedInput(t, balanced)
		generations := beforeKplb(t, in)
		for _, n := range in.Cluster.Nodes {
			before := fresh(t, in.Cluster, n)
			put(before, kubeadm.CertificatePath, 0o644, facts[n.Name].Files[kubeadm.CertificatePath].Content)
			generations[SnapshotRequest{n.Name, 0}] = plantest.Snapshot(before)
		}
		in.Cluster.Endpoint = c.endpoint
		if c.to == ToInventory {
			in.Cluster.WorkerBalancer = nil
		}
		input := in.with(facts)
		input.Target = c.to
		p, err := makeWith(t, input, generations)
		says(t, err, "")
		worker := p.of(theWorker)
		same(t, c.name+": the worker is first", p.Nodes[0].Node.Name == theWorker, c.to == ToGeneration)
		told := retell(worker)
		same(t, c.name+": files", told.Files, []string{"changed " + render.HAProxyPath, "removed " + render.HAProxyUnitPath, "changed " + kubeadm.KubeletPath})
		same(t, c.name+": says", told.Says, []string{"haproxy: stops", "kubelet: restarts, pods keep running", "disabled at boot: haproxy.service"})
		content := string(worker.change(kubeadm.KubeletPath).Content)
		same(t, c.name+": kubelet.conf", strings.Contains(content, "    server: "+c.server+"\n") && !strings.Contains(content, "tls-server-name"), true)
	}
}

// TestWorkerLeaves: a worker that is not in the inventory any more is known from the record,
// and goes back to what it was.
func TestWorkerLeaves(t *testing.T) {
	t.Parallel()
	in, facts := balancedInput(t, balanced)
	r := plantest.Record(in.Cluster, 1)
	for _, f := range facts {
		plantest.Recorded(f, r)
	}
	before := beforeKplb(t, in)
	in.Cluster.Workers = nil
	m, err := member.Identify(in.Cluster, in.Cluster.Nodes, facts, member.Claims{})
	says(t, err, "")
	input := in.with(facts)
	input.Leaving = m.Leavers(in.Cluster, facts, member.Claims{})
	same(t, "who leaves", namesOf(input.Leaving), theWorker)
	p, err := makeWith(t, input, before)
	says(t, err, "")
	worker := p.of(theWorker)
	same(t, "leaves", worker.Leaving, true)
	same(t, "files", retell(worker).Files, []string{"changed " + render.HAProxyPath, "removed " + render.HAProxyUnitPath, "changed " + kubeadm.KubeletPath})
	same(t, "says", retell(worker).Says, []string{"haproxy: stops", "kubelet: restarts, pods keep running", "disabled at boot: haproxy.service"})
}

// TestWorkerWithoutBalancer moves its kubelet to the VIP, and stays where nothing
// was ever done there.
func TestWorkerWithoutBalancer(t *testing.T) {
	t.Parallel()
	in, facts := balancedInput(t, justJoined)
	in.Cluster.WorkerBalancer = nil
	n, _ := ofWorker(t, in.with(facts), nil)
	same(t, "what happens there", n.Consequences(), []string{"kubelet: restarts, pods keep running"})
	same(t, "haproxy is nothing to it", len(n.HAProxyListens), 0)
	generations := savedSnapshots{}
	for _, n := range in.Cluster.Nodes {
		before := fresh(t, in.Cluster, n)
		put(before, kubeadm.CertificatePath, 0o644, facts[n.Name].Files[kubeadm.CertificatePath].Content)
		generations[SnapshotRequest{n.Name, 0}] = plantest.Snapshot(before)
	}
	input := in.with(facts)
	input.Target = ToGeneration
	n, _ = ofWorker(t, input, generations)
	same(t, "nothing was done there", n.Empty(), true)
}

// TestBalancerStays: nothing is done twice; and a control-plane node more is a
// reload, of HAProxy alone.
func TestBalancerStays(t *testing.T) {
	t.Parallel()
	in, facts := balancedInput(t, balanced)
	p, err := makeWith(t, in.with(facts), nil)
	says(t, err, "")
	same(t, "nothing to do", p.Changing(), []string(nil))
	edit(facts[theWorker], render.HAProxyPath, "    server node-3", "    # server node-3")
	put(facts[theWorker], node.ActivePath, 0o600, nil)
	n, _ := ofWorker(t, in.with(facts), nil)
	same(t, "a server that is not there", retell(n).Files, []string{"changed " + render.HAProxyPath})
	same(t, "actions", retell(n).Actions, []string{"daemon-reload", "haproxy reload"})
}

// TestBalancerOnAnotherPort takes a kubelet that is there already with it,
// whatever endpoint says.
func TestBalancerOnAnotherPort(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []inventory.Care{inventory.Manage, inventory.Leave} {
		in, facts := balancedInput(t, balanced)
		in.Cluster.WorkerBalancer.Port = 7444
		in.Cluster.Endpoint = endpoint
		n, _ := ofWorker(t, in.with(facts), nil)
		same(t, "files", retell(n).Files, []string{"changed " + render.HAProxyPath, "changed " + kubeadm.KubeletPath})
		diff := n.change(kubeadm.KubeletPath).Diff
		same(t, "the server alone", strings.Contains(diff, "+    server: https://127.0.0.1:7444\n") && !strings.Contains(diff, "+    tls-server-name"), true)
		same(t, "notes", n.notes, []string(nil))
	}
}

// TestBalancerComesBack with an earlier generation.
func TestBalancerComesBack(t *testing.T) {
	t.Parallel()
	in, facts := balancedInput(t, balanced)
	generations := savedSnapshots{{theWorker, 1}: plantest.Snapshot(facts[theWorker])}
	for _, n := range in.Cluster.Nodes {
		generations[SnapshotRequest{n.Name, 1}] = plantest.Snapshot(facts[n.Name])
	}
	now := justJoined(t, in, in.Cluster.Workers[0])
	put(now, kubeadm.KubeletPath, 0o600, kubeconfigFor(t, in.Cluster.EndpointURL()))
	put(now, "/var/lib/kplb/current", 0o600, []byte("2\n"))
	facts[theWorker] = now
	input := in.with(facts)
	input.Target, input.Generation, input.Made = ToGeneration, 1, true
	p, _ := ofWorker(t, input, generations)
	same(t, "listens", inventory.Join(p.HAProxyListens, " "), "127.0.0.1:7443")
	same(t, "actions", retell(p).Actions, []string{"daemon-reload", "haproxy start", "enable haproxy.service"})
	same(t, "kubelet", strings.Contains(string(p.change(kubeadm.KubeletPath).Content), "tls-server-name: kubernetes"), true)
}

// TestBalancerNotInstalled: the package comes first.
func TestBalancerNotInstalled(t *testing.T) {
	t.Parallel()
	in, facts := balancedInput(t, justJoined)
	f := facts[theWorker]
	f.HAProxy = node.Package{}
	delete(f.Units, "haproxy.service")
	delete(f.Files, render.HAProxyPath)
	n, _ := ofWorker(t, in.with(facts), nil)
	same(t, "packages", n.Packages, []string{"haproxy"})
	same(t, "files", retell(n).Files, []string{"new " + render.HAProxyPath, "new " + render.HAProxyUnitPath, "changed " + kubeadm.KubeletPath})
}

// TestBalancerWasNotInstalled: in what was before kplb, haproxy is not known.
func TestBalancerWasNotInstalled(t *testing.T) {
	t.Parallel()
	in, facts := balancedInput(t, balanced)
	generations := beforeKplb(t, in)
	before := generations[SnapshotRequest{theWorker, 0}]
	delete(before.Files, render.HAProxyPath)
	delete(before.Units, "haproxy")
	in.Cluster.WorkerBalancer = nil
	n, _ := ofWorker(t, in.with(facts), generations)
	same(t, "files", retell(n).Files, []string{"removed " + render.HAProxyPath, "removed " + render.HAProxyUnitPath, "changed " + kubeadm.KubeletPath})
	same(t, "actions", retell(n).Actions, []string{"daemon-reload", "haproxy stop", "disable haproxy.service"})
}

// TestBalancerNotOurs: a kubelet that goes through something of its own stays.
func TestBalancerNotOurs(t *testing.T) {
	t.Parallel()
	in, facts := balancedInput(t, justJoined)
	put(facts[theWorker], kubeadm.KubeletPath, 0o600, kubeconfigFor(t, "https://127.0.0.1:6443"))
	n, _ := ofWorker(t, in.with(facts), nil)
	same(t, "notes", n.notes, []string{"/etc/kubernetes/kubelet.conf goes through 127.0.0.1:6443: not touched"})
}
