package rollout

import (
	"context"
	"io/fs"
	"net/netip"
	"strings"
	"testing"

	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

const theWorker = "worker-1"

// balancedFleet is a cluster in which everything goes through the VIP already,
// and that is to have a balancer on its worker, whose facts of makes.
func balancedFleet(t *testing.T, of func(*testing.T, *fleet, inventory.Node) *node.Facts) *fleet {
	t.Helper()
	f, _ := managedFleet(t, appliedOf)
	f.Cluster.WorkerBalancer = &inventory.WorkerBalancer{Port: 7443, Strategy: inventory.Failover}
	f.local = &fakeNode{cert: authority.certificate(t, farAhead, []string{"kubernetes"}, "10.96.0.1")}
	for name, n := range f.nodes {
		certificate, _ := pemOf(t, authority.certificate(t, farAhead, []string{"kubernetes", name}, "127.9.1.9"))
		put(n.facts, kubeadm.CertificatePath, 0o644, certificate)
		put(n.facts, kubeadm.AdminPath, 0o600, kubeconfigFor(t, f.Cluster.EndpointURL()))
	}
	worker := inventory.Node{Name: theWorker, Worker: true, Address: netip.MustParseAddr("127.9.2.1")}
	f.Cluster.Workers = []inventory.Node{worker}
	member := &fakeNode{name: theWorker, fleet: f, on: map[string]step{}, saved: map[string]*node.Snapshot{}}
	f.nodes[theWorker] = member
	member.facts = of(t, f, worker)
	return f
}

// justJoined is a worker as kubeadm has left it.
func justJoined(t *testing.T, f *fleet, n inventory.Node) *node.Facts {
	t.Helper()
	facts := debian(f.Cluster, n)
	facts.Keepalived, facts.Manifests, facts.Listeners = node.Package{}, nil, nil
	delete(facts.Units, "keepalived.service")
	put(facts, kubeadm.CAPath, 0o644, authority.pem)
	put(facts, render.HAProxyPath, 0o644, []byte("# Debian's own\nglobal\n\tdaemon\n"))
	put(facts, kubeadm.KubeletPath, 0o600, kubeconfigFor(t, "https://node-1.home.arpa:6443"))
	return facts
}

// balanced is a worker on which there is nothing to do.
func balanced(t *testing.T, f *fleet, n inventory.Node) *node.Facts {
	t.Helper()
	before := justJoined(t, f, n)
	f.nodes[n.Name].save("0", before)
	facts := justJoined(t, f, n)
	artifacts, err := f.Templates.Worker(f.Cluster, n, render.Facts{HAProxy: facts.HAProxy.Version})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range artifacts {
		put(facts, a.Path, a.Mode, a.Content)
	}
	edited, err := pointAtBalancer(f.Cluster, before.Files[kubeadm.KubeletPath].Content, authority.pem, nil)
	if err != nil {
		t.Fatal(err)
	}
	put(facts, kubeadm.KubeletPath, 0o600, edited)
	put(facts, node.ActivePath, 0o600, activeSums(artifacts))
	put(facts, basePath+"/current", 0o600, []byte("1\n"))
	facts.Units["haproxy.service"] = node.Unit{Load: "loaded", Active: "active", File: "enabled", MainPID: 500, OpenFiles: 524288}
	facts.Connected = true
	for _, n := range f.Cluster.Nodes {
		facts.Servers = append(facts.Servers, haproxy.ServerState{Name: n.Name, Status: "UP", Check: "L7OK"})
	}
	f.nodes[n.Name].save("1", facts)
	return facts
}

// activations writes down what activate is given on the worker.
func (f *fleet) activations() *[]string {
	var got []string
	f.nodes[theWorker].on["activate"] = func(_ context.Context, s remote.Script, say say) error {
		q := nodetest.As[node.ActivateRequest](s)
		units := ""
		if q.ReadUnits {
			units = "1"
		}
		got = append(got, strings.TrimSpace(joined(q.HAProxyListens, " ")+" haproxy="+string(q.HAProxy)+
			" kubelet="+string(q.Kubelet)+" enable="+strings.Join(q.Enable, " ")+" disable="+strings.Join(q.Disable, " ")+" units="+units))
		say("done")
		return nil
	}
	return &got
}

func (n NodePlan) change(path string) *Change {
	for _, c := range n.Changes {
		if c.Path == path {
			return &c
		}
	}
	return &Change{}
}

// TestBalancerComes: the worker is last, its kubelet moves when the balancer has
// led to an apiserver, and the certificate is checked by a name that it has.
func TestBalancerComes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := balancedFleet(t, justJoined)
		f.change() // something for the others, too
		activations := f.activations()
		p := f.planned(proven)
		last := p.Nodes[len(p.Nodes)-1]
		same(t, "the last one", last.Node.Name, theWorker)
		told := retell(last)
		same(t, "files", told.Files, []string{"changed " + render.HAProxyPath, "new " + render.HAProxyUnitPath, "changed " + kubeadm.KubeletPath})
		same(t, "what happens there", told.Says, []string{"haproxy: starts", "kubelet: restarts, pods go on", "enabled at boot: haproxy.service"})
		diff := last.change(kubeadm.KubeletPath).Diff
		if !strings.Contains(diff, "+    server: https://127.0.0.1:7443\n+    tls-server-name: kubernetes\n") || strings.Contains(diff, "key-data: L") {
			t.Errorf("kubelet.conf:\n%s", diff)
		}
		_, err := f.Apply(t.Context(), p, options)
		says(t, err, "")
		same(t, "activations", *activations, []string{
			"127.0.0.1:7443 haproxy=start kubelet= enable=haproxy.service disable= units=1",
			"127.0.0.1:7443 haproxy= kubelet=restart enable= disable= units=",
		})
		inTurn(t, f.log(), "node-1 activate", "worker-1 transact")
		f.ends()
	})
}

// TestBalancerLeadsNowhere: then the kubelet is not touched, and all goes back.
func TestBalancerLeadsNowhere(t *testing.T) {
	for _, c := range []struct {
		name   string
		differ func(f *fleet)
		says   string
	}{
		{"nobody answers", func(f *fleet) { f.local.down.Store(true) }, "worker-1: the host could not connect"},
		{"no apiserver is ready", func(f *fleet) { f.local.ready = func() int { return 500 } }, "answers 500 Internal Server Error"},
		{"its sshd forwards nothing, and haproxy sees nobody", func(f *fleet) { f.nodes[theWorker].noForwarding = true }, "its haproxy has not seen any apiserver to be ready"},
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
				same(t, "taken back", f.times("worker-1 back"), 1)
				f.ends()
			})
		})
	}
}

// TestBalancerWithoutForwarding believes what HAProxy has seen.
func TestBalancerWithoutForwarding(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := balancedFleet(t, justJoined)
		member := f.nodes[theWorker]
		member.noForwarding = true
		member.facts.Servers = []haproxy.ServerState{{Name: "node-1", Status: "DOWN", Check: "L4CON"}, {Name: "node-2", Status: "UP", Check: "L7OK"}}
		activations := f.activations()
		_, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "")
		same(t, "activations", len(*activations), 2)
		f.ends()
	})
}

// TestBalancerStays: nothing is done twice; and a control-plane node more is a
// reload, of HAProxy alone.
func TestBalancerStays(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := balancedFleet(t, balanced)
		same(t, "nothing to do", f.planned(nil).Changing(), []string(nil))
		worker := f.nodes[theWorker].facts
		was := worker.Files[render.HAProxyPath]
		was.Content = []byte(strings.Replace(string(was.Content), "    server node-3", "    # server node-3", 1))
		worker.Files[render.HAProxyPath] = was
		put(worker, node.ActivePath, 0o600, nil)
		told := retell(f.planned(nil).of(theWorker))
		same(t, "a server that is not there", told.Files, []string{"changed " + render.HAProxyPath})
		same(t, "actions", told.Actions, []string{"daemon-reload", "haproxy reload"})
		f.ends()
	})
}

func TestBalancerOnAnotherPort(t *testing.T) {
	for _, endpoint := range []inventory.Care{inventory.Manage, inventory.Leave} {
		t.Run(string(endpoint), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := balancedFleet(t, balanced)
				f.Cluster.WorkerBalancer.Port = 7444
				f.Cluster.Endpoint = endpoint // a kubelet that is there already goes with it, whatever is said
				p := f.planned(nil)
				same(t, "files", retell(p.of(theWorker)).Files, []string{"changed " + render.HAProxyPath, "changed " + kubeadm.KubeletPath})
				diff := p.of(theWorker).change(kubeadm.KubeletPath).Diff
				same(t, "the server alone", strings.Contains(diff, "+    server: https://127.0.0.1:7444\n") && !strings.Contains(diff, "+    tls-server-name"), true)
				same(t, "notes", p.of(theWorker).notes, []string(nil))
				f.ends()
			})
		})
	}
}

// TestBalancerUnused: who leaves the kubelets to themselves is told so.
func TestBalancerUnused(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := balancedFleet(t, justJoined)
		f.Cluster.Endpoint = inventory.Leave
		put(f.nodes[theWorker].facts, render.HAProxyPath, 0o644, []byte("frontend ingress\n    bind :443\n"))
		p := f.planned(proven)
		same(t, "files", retell(p.of(theWorker)).Files, []string{"changed " + render.HAProxyPath, "new " + render.HAProxyUnitPath})
		same(t, "notes", p.Notes(), []string{
			"worker-1: /etc/haproxy/haproxy.cfg serves somebody already, and is not kplb's: ours takes its place, and it comes back with `kplb remove`",
			"worker-1: gets a balancer that its kubelet does not use, because endpoint is leave: with endpoint: manage it does",
		})
		activations := f.activations()
		_, err := f.Apply(t.Context(), p, options)
		says(t, err, "")
		same(t, "activations", len(*activations), 1)
		f.ends()
	})
}

// TestBalancerGoes, with the inventory's word or with all of kplb: haproxy is as
// before, and the kubelet elsewhere first.
func TestBalancerGoes(t *testing.T) {
	for _, c := range []struct {
		name   string
		plan   func(ctx context.Context, f *fleet) (*Plan, error)
		server string
	}{
		{"to the VIP", func(ctx context.Context, f *fleet) (*Plan, error) {
			f.Cluster.WorkerBalancer = nil
			return f.Plan(ctx)
		}, "https://127.9.1.9:1"},
		{"to where it was", func(ctx context.Context, f *fleet) (*Plan, error) {
			f.Cluster.WorkerBalancer, f.Cluster.Endpoint = nil, inventory.Leave
			return f.Plan(ctx)
		}, "https://node-1.home.arpa:6443"},
		{"with kplb", func(ctx context.Context, f *fleet) (*Plan, error) {
			for _, n := range f.Cluster.Nodes {
				before := fresh(t, f.Cluster, n)
				put(before, kubeadm.CertificatePath, 0o644, f.nodes[n.Name].facts.Files[kubeadm.CertificatePath].Content)
				put(before, kubeadm.AdminPath, 0o600, kubeconfigFor(t, "https://node-1.home.arpa:6443"))
				f.nodes[n.Name].save("0", before)
				f.nodes[n.Name].save("1", f.nodes[n.Name].facts)
			}
			return f.PlanBack(ctx, 0)
		}, "https://node-1.home.arpa:6443"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := balancedFleet(t, balanced)
				p, err := c.plan(t.Context(), f)
				says(t, err, "")
				p.prove = proven
				worker := p.of(theWorker)
				told := retell(worker)
				same(t, "files", told.Files, []string{"changed " + render.HAProxyPath, "removed " + render.HAProxyUnitPath, "changed " + kubeadm.KubeletPath})
				same(t, "says", told.Says, []string{"haproxy: stops", "kubelet: restarts, pods go on", "not started at boot any more: haproxy.service"})
				content := string(worker.change(kubeadm.KubeletPath).Content)
				same(t, "kubelet.conf", strings.Contains(content, "    server: "+c.server+"\n") && !strings.Contains(content, "tls-server-name"), true)
				activations := f.activations()
				_, err = f.Apply(t.Context(), p, options)
				says(t, err, "")
				same(t, "activations", *activations, []string{"haproxy=stop kubelet=restart enable= disable=haproxy.service units=1"})
				f.ends()
			})
		})
	}
}

// TestBalancerComesBack with an earlier generation.
func TestBalancerComesBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := balancedFleet(t, balanced)
		now := justJoined(t, f, f.Cluster.Workers[0])
		put(now, kubeadm.KubeletPath, 0o600, kubeconfigFor(t, f.Cluster.EndpointURL()))
		put(now, basePath+"/current", 0o600, []byte("2\n"))
		member := f.nodes[theWorker]
		member.facts = now
		p, _, err := f.planNodeBack(t.Context(), f.Cluster.Workers[0], now, -1)
		if err == nil { // connected by then
			same(t, "listens", joined(p.serves, " "), "127.0.0.1:7443")
			same(t, "actions", retell(p).Actions, []string{"daemon-reload", "haproxy start", "enable haproxy.service"})
			same(t, "kubelet", strings.Contains(string(p.change(kubeadm.KubeletPath).Content), "tls-server-name: kubernetes"), true)
		}
		says(t, err, "")
		f.ends()
	})
}

// TestBalancerNotInstalled: the package comes first.
func TestBalancerNotInstalled(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := balancedFleet(t, justJoined)
		facts := f.nodes[theWorker].facts
		facts.HAProxy = node.Package{}
		delete(facts.Units, "haproxy.service")
		delete(facts.Files, render.HAProxyPath)
		p := f.planned(nil)
		same(t, "packages", p.of(theWorker).Packages, []string{"haproxy"})
		same(t, "files", retell(p.of(theWorker)).Files, []string{"new " + render.HAProxyPath, "new " + render.HAProxyUnitPath, "changed " + kubeadm.KubeletPath})
		f.ends()
	})
}

// TestBalancerWasNotInstalled: in what was before kplb, haproxy is not known.
func TestBalancerWasNotInstalled(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := balancedFleet(t, balanced)
		before := f.nodes[theWorker].saved["0"]
		delete(before.Files, render.HAProxyPath)
		delete(before.Units, "haproxy")
		f.Cluster.WorkerBalancer = nil
		told := retell(f.planned(nil).of(theWorker))
		same(t, "files", told.Files, []string{"removed " + render.HAProxyPath, "removed " + render.HAProxyUnitPath, "changed " + kubeadm.KubeletPath})
		same(t, "actions", told.Actions, []string{"daemon-reload", "haproxy stop", "disable haproxy.service"})
		f.ends()
	})
}

func TestBalancerRefused(t *testing.T) {
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
			f := balancedFleet(t, justJoined)
			facts := f.nodes[theWorker].facts
			c.differ(facts)
			found := refusals(f.Cluster, f.Cluster.Workers[0], facts)
			got := make([]string, 0, len(found))
			for _, r := range found {
				got = append(got, r.What)
				same(t, "has a cure", r.Cure != "", true)
			}
			same(t, "refused", strings.Join(got, "\n"), c.says)
			f.Cluster.WorkerBalancer = nil
			same(t, "without a balancer", refusals(f.Cluster, f.Cluster.Workers[0], facts), []Refusal(nil))
		})
	}
}

// TestBalancerProven: servers, an answer through it, and the kubelet.
func TestBalancerProven(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := balancedFleet(t, balanced)
		checks := func() []string {
			facts, err := f.Inspect(t.Context())
			says(t, err, "")
			proof, err := f.prove(t.Context(), facts)
			says(t, err, "")
			var out []string
			for _, c := range proof.Checks {
				if c.Node == theWorker {
					out = append(out, map[bool]string{true: "ok  ", false: "NO  "}[c.OK]+c.What+": "+c.Detail)
				}
			}
			return out
		}
		same(t, "fine", checks(), []string{
			"ok  haproxy sees its servers: 3 of 3 up", "ok  /readyz on 127.0.0.1:7443: ok, TLS verified", "ok  kubelet is connected to 127.0.0.1:7443: ok",
		})
		f.nodes[theWorker].facts.Servers[1].Status, f.nodes[theWorker].facts.Servers[1].Check = "DOWN", "L4TOUT"
		f.nodes[theWorker].facts.Connected = false
		f.local.down.Store(true)
		f.Cluster.Endpoint = inventory.Leave
		same(t, "not so", checks(), []string{
			"NO  haproxy sees its servers: 2 of 3 up: node-2 is DOWN (L4TOUT)",
			"NO  /readyz on 127.0.0.1:7443: Get \"https://127.0.0.1:7443/readyz\": worker-1: the host could not connect",
		})
		list, err := f.Status(t.Context())
		says(t, err, "")
		worker := list.Nodes[len(list.Nodes)-1]
		same(t, "status", worker, NodeStatus{Node: theWorker, Worker: true, Balancer: true, HAProxy: "active", ServersUp: 2, Servers: 3, Generation: "1"})
		same(t, "as planned", worker.AsPlanned(), true)
		worker.HAProxy = "failed"
		same(t, "as planned", worker.AsPlanned(), false)
		f.ends()
	})
}

// TestBalancerNotOurs: a kubelet that goes through something of its own stays.
func TestBalancerNotOurs(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := balancedFleet(t, justJoined)
		put(f.nodes[theWorker].facts, kubeadm.KubeletPath, 0o600, kubeconfigFor(t, "https://127.0.0.1:6443"))
		p := f.planned(nil)
		same(t, "notes", p.of(theWorker).notes, []string{"/etc/kubernetes/kubelet.conf goes through 127.0.0.1:6443: not touched"})
		same(t, "kubelet", p.of(theWorker).Kubelet, node.Leave)
		f.ends()
	})
}
