package rollout

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/status"
	"github.com/kplb/kplb/verify"
)

const theWorker = "worker-1"

// balancedFleet is a cluster in which everything goes through the VIP already,
// and that is to have a balancer on its worker, whose facts of makes.
func balancedFleet(t *testing.T, of func(*testing.T, *fakeFleet, inventory.Node) *node.Facts) *fakeFleet {
	t.Helper()
	f, _ := managedFleet(t, appliedOf)
	f.Rollout.Fleet.Cluster.WorkerBalancer = &inventory.WorkerBalancer{Port: 7443, Strategy: inventory.Failover}
	f.Local = &fakeNode{Certificate: authority.Certificate(t, farAhead, []string{"kubernetes"}, "10.96.0.1")}
	for name, n := range f.Nodes {
		certificate, _ := pemOf(t, authority.Certificate(t, farAhead, []string{"kubernetes", name}, "127.9.1.9"))
		put(n.Facts, kubeadm.CertificatePath, 0o644, certificate)
		put(n.Facts, kubeadm.AdminPath, 0o600, kubeconfigFor(t, f.Rollout.Fleet.Cluster.EndpointURL()))
	}
	worker := inventory.Node{Name: theWorker, Worker: true, Address: netip.MustParseAddr("127.9.2.1")}
	f.Rollout.Fleet.Cluster.Workers = []inventory.Node{worker}
	node := &fakeNode{ID: theWorker, Machines: f.Machines, On: map[string]step{}, Saved: map[string]*node.Snapshot{}}
	f.Nodes[theWorker] = node
	node.Facts = of(t, f, worker)
	return f
}

// justJoined is a worker as kubeadm has left it.
func justJoined(t *testing.T, f *fakeFleet, n inventory.Node) *node.Facts {
	t.Helper()
	facts := debian(f.Rollout.Fleet.Cluster, n)
	facts.Keepalived, facts.Manifests, facts.Listeners = node.Package{}, nil, nil
	delete(facts.Units, "keepalived.service")
	put(facts, kubeadm.CAPath, 0o644, authority.PEM)
	put(facts, render.HAProxyPath, 0o644, []byte("# Debian's own\nglobal\n\tdaemon\n"))
	put(facts, kubeadm.KubeletPath, 0o600, kubeconfigFor(t, "https://node-1.home.arpa:6443"))
	return facts
}

// balanced is a worker on which there is nothing to do.
func balanced(t *testing.T, f *fakeFleet, n inventory.Node) *node.Facts {
	t.Helper()
	before := justJoined(t, f, n)
	f.Nodes[n.Name].Save("0", before)
	facts := justJoined(t, f, n)
	artifacts, err := f.Templates.Worker(f.Rollout.Fleet.Cluster, n, render.Facts{HAProxy: facts.HAProxy.Version})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range artifacts {
		put(facts, a.Path, a.Mode, a.Content)
	}
	edited, err := kubeadm.SetEndpointAs(before.Files[kubeadm.KubeletPath].Content, authority.PEM, f.Rollout.Fleet.Cluster.WorkerBalancer.URL(), apiserver.SharedName)
	if err != nil {
		t.Fatal(err)
	}
	put(facts, kubeadm.KubeletPath, 0o600, edited)
	put(facts, node.ActivePath, 0o600, plantest.ActiveSums(artifacts))
	put(facts, basePath+"/current", 0o600, []byte("1\n"))
	facts.Units["haproxy.service"] = node.Unit{Load: "loaded", Active: "active", File: "enabled", MainPID: 500, OpenFiles: 524288}
	facts.KubeletConnected = true
	for _, n := range f.Rollout.Fleet.Cluster.Nodes {
		facts.Servers = append(facts.Servers, haproxy.ServerState{Name: n.Name, Status: "UP", Check: "L7OK"})
	}
	f.Nodes[n.Name].Save("1", facts)
	return facts
}

// activations writes down what activate is given on the worker.
func (f *fakeFleet) activations() *[]string {
	var got []string
	f.Nodes[theWorker].On["activate"] = func(_ context.Context, s remote.Script, say say) error {
		q := nodetest.As[node.ActivateRequest](s)
		units := ""
		if q.ReadUnits {
			units = "1"
		}
		got = append(got, strings.TrimSpace(inventory.Join(q.HAProxyListens, " ")+" haproxy="+string(q.HAProxy)+
			" kubelet="+string(q.Kubelet)+" enable="+strings.Join(q.Enable, " ")+" disable="+strings.Join(q.Disable, " ")+" units="+units))
		say("done")
		return nil
	}
	return &got
}

// TestBalancerComes: the worker is last, its kubelet moves when the balancer has
// led to an apiserver, and the certificate is checked by a name that it has.
func TestBalancerComes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := balancedFleet(t, justJoined)
		f.Change() // something for the others, too
		activations := f.activations()
		p := f.planned(proven)
		last := p.Nodes[len(p.Nodes)-1]
		same(t, "the last one", last.Node.Name, theWorker)
		told := retell(last)
		same(t, "files", told.Files, []string{"changed " + render.HAProxyPath, "new " + render.HAProxyUnitPath, "changed " + kubeadm.KubeletPath})
		same(t, "what happens there", told.Says, []string{"haproxy: starts", "kubelet: restarts, pods keep running", "enabled at boot: haproxy.service"})
		diff := changeOf(last, kubeadm.KubeletPath).Diff
		if !strings.Contains(diff, "+    server: https://127.0.0.1:7443\n+    tls-server-name: kubernetes\n") || strings.Contains(diff, "key-data: L") {
			t.Errorf("kubelet.conf:\n%s", diff)
		}
		_, err := f.Apply(t.Context(), p, options)
		says(t, err, "")
		same(t, "activations", *activations, []string{
			"127.0.0.1:7443 haproxy=start kubelet= enable=haproxy.service disable= units=1",
			"127.0.0.1:7443 haproxy= kubelet=restart enable= disable= units=",
		})
		inTurn(t, f.Log(), "node-1 activate", "worker-1 transact")
		f.Ends()
	})
}

// TestBalancerLeadsNowhere: then the kubelet is not touched, and all goes back.
func TestBalancerLeadsNowhere(t *testing.T) {
	for _, c := range []struct {
		name   string
		differ func(f *fakeFleet)
		says   string
	}{
		{"nobody answers", func(f *fakeFleet) { f.Local.Down.Store(true) }, "worker-1: the host could not connect"},
		{"no apiserver is ready", func(f *fakeFleet) { f.Local.Ready = func() int { return 500 } }, "answers 500 Internal Server Error"},
		{"its sshd forwards nothing, and haproxy sees nobody", func(f *fakeFleet) { f.Nodes[theWorker].NoForwarding = true }, "its haproxy sees no apiserver that is ready"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := balancedFleet(t, justJoined)
				c.differ(f)
				activations := f.activations()
				_, err := f.Apply(t.Context(), f.planned(proven), options)
				if err == nil || !strings.Contains(err.Error(), "worker-1: its kubelet is not moved to 127.0.0.1:7443: ") || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v, want %s", err, c.says)
				}
				same(t, "activations", len(*activations), 1)
				same(t, "taken back", f.Times("worker-1 revert"), 1)
				f.Ends()
			})
		})
	}
}

// TestBalancerWithoutForwarding believes what HAProxy has seen.
func TestBalancerWithoutForwarding(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := balancedFleet(t, justJoined)
		node := f.Nodes[theWorker]
		node.NoForwarding = true
		node.Facts.Servers = []haproxy.ServerState{{Name: "node-1", Status: "DOWN", Check: "L4CON"}, {Name: "node-2", Status: "UP", Check: "L7OK"}}
		activations := f.activations()
		_, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "")
		same(t, "activations", len(*activations), 2)
		f.Ends()
	})
}

// TestBalancerUnused: who leaves the kubelets to themselves is told so.
func TestBalancerUnused(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := balancedFleet(t, justJoined)
		f.Rollout.Fleet.Cluster.Endpoint = inventory.Leave
		put(f.Nodes[theWorker].Facts, render.HAProxyPath, 0o644, []byte("frontend ingress\n    bind :443\n"))
		p := f.planned(proven)
		same(t, "files", retell(of(p, theWorker)).Files, []string{"changed " + render.HAProxyPath, "new " + render.HAProxyUnitPath})
		same(t, "notes", p.Notes(), []string{
			"worker-1: /etc/haproxy/haproxy.cfg is in use and was not written by kplb: it is replaced, and `kplb remove` restores it",
			"worker-1: gets a balancer that its kubelet does not use, because endpoint is leave: with endpoint: manage it does",
		})
		activations := f.activations()
		_, err := f.Apply(t.Context(), p, options)
		says(t, err, "")
		same(t, "activations", len(*activations), 1)
		f.Ends()
	})
}

// TestBalancerGoes, with the inventory's word or with all of kplb: haproxy is as
// before, and the kubelet elsewhere first.
func TestBalancerGoes(t *testing.T) {
	for _, c := range []struct {
		name   string
		plan   func(ctx context.Context, f *fakeFleet) (*plan.Plan, error)
		server string
	}{
		{"to the VIP", func(ctx context.Context, f *fakeFleet) (*plan.Plan, error) {
			f.Rollout.Fleet.Cluster.WorkerBalancer = nil
			return f.Plan(ctx)
		}, "https://127.9.1.9:1"},
		{"to where it was", func(ctx context.Context, f *fakeFleet) (*plan.Plan, error) {
			f.Rollout.Fleet.Cluster.WorkerBalancer, f.Rollout.Fleet.Cluster.Endpoint = nil, inventory.Leave
			return f.Plan(ctx)
		}, "https://node-1.home.arpa:6443"},
		{"with kplb", func(ctx context.Context, f *fakeFleet) (*plan.Plan, error) {
			for _, n := range f.Rollout.Fleet.Cluster.Nodes {
				before := fresh(t, f.Rollout.Fleet.Cluster, n)
				put(before, kubeadm.CertificatePath, 0o644, f.Nodes[n.Name].Facts.Files[kubeadm.CertificatePath].Content)
				put(before, kubeadm.AdminPath, 0o600, kubeconfigFor(t, "https://node-1.home.arpa:6443"))
				f.Nodes[n.Name].Save("0", before)
				f.Nodes[n.Name].Save("1", f.Nodes[n.Name].Facts)
			}
			return f.PlanRemoval(ctx)
		}, "https://node-1.home.arpa:6443"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := balancedFleet(t, balanced)
				p, err := c.plan(t.Context(), f)
				says(t, err, "")
				f.prove = proven
				worker := of(p, theWorker)
				told := retell(worker)
				same(t, "files", told.Files, []string{"changed " + render.HAProxyPath, "removed " + render.HAProxyUnitPath, "changed " + kubeadm.KubeletPath})
				same(t, "says", told.Says, []string{"haproxy: stops", "kubelet: restarts, pods keep running", "disabled at boot: haproxy.service"})
				content := string(changeOf(worker, kubeadm.KubeletPath).Content)
				same(t, "kubelet.conf", strings.Contains(content, "    server: "+c.server+"\n") && !strings.Contains(content, "tls-server-name"), true)
				activations := f.activations()
				_, err = f.Apply(t.Context(), p, options)
				says(t, err, "")
				same(t, "activations", *activations, []string{"haproxy=stop kubelet=restart enable= disable=haproxy.service units=1"})
				f.Ends()
			})
		})
	}
}

// TestBalancerProven: servers, an answer through it, and the kubelet.
func TestBalancerProven(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := balancedFleet(t, balanced)
		checks := func() []string {
			facts, err := f.Rollout.Fleet.Inspect(t.Context(), fleet.Inspection{})
			says(t, err, "")
			proof, err := verify.Prove(t.Context(), f.Rollout.Fleet, facts)
			says(t, err, "")
			var out []string
			for _, c := range proof.Checks {
				if c.Node == theWorker {
					mark := "NO  "
					if c.OK {
						mark = "ok  "
					}
					out = append(out, mark+c.What+": "+c.Detail)
				}
			}
			return out
		}
		same(t, "fine", checks(), []string{
			"ok  haproxy sees its servers: 3 of 3 up", "ok  /readyz on 127.0.0.1:7443: ok, TLS verified", "ok  kubelet is connected to 127.0.0.1:7443: ok",
		})
		f.Nodes[theWorker].Facts.Servers[1].Status, f.Nodes[theWorker].Facts.Servers[1].Check = "DOWN", "L4TOUT"
		f.Nodes[theWorker].Facts.KubeletConnected = false
		f.Local.Down.Store(true)
		f.Rollout.Fleet.Cluster.Endpoint = inventory.Leave
		same(t, "not so", checks(), []string{
			"NO  haproxy sees its servers: 2 of 3 up: node-2 is DOWN (L4TOUT)",
			"NO  /readyz on 127.0.0.1:7443: Get \"https://127.0.0.1:7443/readyz\": worker-1: the host could not connect",
		})
		list, err := status.Look(t.Context(), f.Rollout.Fleet, f.NodePlanner(t.Context()))
		says(t, err, "")
		worker := list.Nodes[len(list.Nodes)-1]
		same(t, "status", worker, status.NodeStatus{Node: theWorker, Worker: true, Balancer: true, HAProxy: "active", ServersUp: 2, Servers: 3, Generation: "1"})
		same(t, "as planned", worker.AsPlanned(), true)
		worker.HAProxy = "failed"
		same(t, "as planned", worker.AsPlanned(), false)
		f.Ends()
	})
}
