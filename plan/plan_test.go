package plan

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// whatPlan is a node's plan as a person would retell it.
type whatPlan struct {
	Files   []string
	Actions []string // of the daemons and the kernel
	Says    []string // Consequences
}

func retell(n NodePlan) whatPlan {
	var out whatPlan
	for _, c := range n.Files() {
		what := "new "
		if c.Was != nil {
			what = "changed "
		}
		if c.Remove {
			what = "removed "
		}
		out.Files = append(out.Files, what+c.Path)
	}
	add := func(when bool, what string) {
		if when {
			out.Actions = append(out.Actions, what)
		}
	}
	add(len(n.Packages) > 0, "install "+strings.Join(n.Packages, " "))
	add(n.ReadUnits, "daemon-reload")
	add(n.Sysctl == node.SysctlOn, "sysctl on")
	add(n.Sysctl == node.SysctlOff, "sysctl off")
	add(n.Listen != "", "apiserver on "+n.Listen)
	add(n.HAProxy != node.Leave, "haproxy "+string(n.HAProxy))
	add(n.Keepalived != node.Leave, "keepalived "+string(n.Keepalived))
	add(len(n.Enable) > 0, "enable "+strings.Join(n.Enable, " "))
	add(len(n.Disable) > 0, "disable "+strings.Join(n.Disable, " "))
	out.Says = n.Consequences()
	return out
}

func planOf(t testing.TB, in *Input, facts map[string]*node.Facts) *Plan {
	t.Helper()
	p, err := Make(in.with(facts))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (n NodePlan) change(path string) *Change {
	for _, c := range n.Changes {
		if c.Path == path {
			return &c
		}
	}
	return &Change{}
}

// planFor is the plan for one control-plane node, from its facts alone.
func planFor(in *Input, n inventory.Node, f *node.Facts) (NodePlan, error) {
	input := in.with(map[string]*node.Facts{n.Name: f})
	return input.planNode(n, f)
}

func (p *Plan) of(name string) NodePlan {
	for _, n := range p.Nodes {
		if n.Node.Name == name {
			return n
		}
	}
	panic(name)
}

const (
	reloads  = "haproxy: reloads, no connection is refused"
	restarts = "haproxy: restarts, connections through this node end"
)

// TestPlan changes one thing on node 2, which does not hold the VIP, and looks
// at what is planned there.
func TestPlan(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		differ func(f *node.Facts)
		want   whatPlan
	}{
		{"nothing to do", func(*node.Facts) {}, whatPlan{}},
		{
			"haproxy.cfg differs", func(f *node.Facts) { edit(f, render.HAProxyPath, "leastconn", "roundrobin") },
			whatPlan{[]string{"changed " + render.HAProxyPath}, []string{"haproxy reload"}, []string{reloads}},
		},
		{
			"haproxy.cfg is gone", func(f *node.Facts) { delete(f.Files, render.HAProxyPath) },
			whatPlan{[]string{"new " + render.HAProxyPath}, []string{"haproxy reload"}, []string{reloads}},
		},
		{
			"the mode of haproxy.cfg differs", func(f *node.Facts) { put(f, render.HAProxyPath, 0o600, f.Files[render.HAProxyPath].Content) },
			whatPlan{[]string{"changed " + render.HAProxyPath}, []string{"haproxy reload"}, []string{reloads}},
		},
		{
			"haproxy's drop-in differs", func(f *node.Facts) { edit(f, render.HAProxyUnitPath, "-254", "-1") },
			whatPlan{[]string{"changed " + render.HAProxyUnitPath}, []string{"daemon-reload", "haproxy restart"}, []string{restarts}},
		},
		{
			"haproxy's drop-in and haproxy.cfg differ", func(f *node.Facts) {
				edit(f, render.HAProxyUnitPath, "-254", "-1")
				edit(f, render.HAProxyPath, "leastconn", "roundrobin")
			},
			whatPlan{[]string{"changed " + render.HAProxyPath, "changed " + render.HAProxyUnitPath}, []string{"daemon-reload", "haproxy restart"}, []string{restarts}},
		},
		{
			"keepalived.conf differs", func(f *node.Facts) { edit(f, render.KeepalivedPath, "nopreempt", "") },
			whatPlan{[]string{"changed " + render.KeepalivedPath}, []string{"keepalived reload"}, []string{"keepalived: reloads"}},
		},
		{
			"keepalived's drop-in differs: read by systemd, keepalived goes on", func(f *node.Facts) { edit(f, render.KeepalivedUnitPath, "RestartSec=1", "RestartSec=9") },
			whatPlan{[]string{"changed " + render.KeepalivedUnitPath}, []string{"daemon-reload"}, nil},
		},
		{
			"the check differs: keepalived runs it anew each time", func(f *node.Facts) { edit(f, render.CheckPath, "-t 1", "-t 2") },
			whatPlan{[]string{"changed " + render.CheckPath}, nil, nil},
		},
		{
			"the kubeadm patch differs: read at the next upgrade", func(f *node.Facts) { edit(f, render.PatchPath, "10.1.1.2", "10.1.1.9") },
			whatPlan{[]string{"changed " + render.PatchPath}, nil, nil},
		},
		{
			"the sysctl file differs", func(f *node.Facts) { edit(f, render.SysctlPath, "= 1", "= 0") },
			whatPlan{[]string{"changed " + render.SysctlPath}, []string{"sysctl on"}, []string{"sysctl applied"}},
		},
		{
			"the sysctl is off", func(f *node.Facts) { f.NonlocalBind = false },
			whatPlan{nil, []string{"sysctl on"}, []string{"sysctl applied"}},
		},
		{
			"haproxy is not running", func(f *node.Facts) { set(f, "haproxy.service", func(u *node.Unit) { u.Active = "failed" }) },
			whatPlan{nil, []string{"haproxy start"}, []string{"haproxy: starts"}},
		},
		{
			"keepalived is not running, and its file differs", func(f *node.Facts) {
				set(f, "keepalived.service", func(u *node.Unit) { u.Active = "inactive" })
				edit(f, render.KeepalivedPath, "nopreempt", "")
			},
			whatPlan{[]string{"changed " + render.KeepalivedPath}, []string{"keepalived start"}, []string{"keepalived: starts"}},
		},
		{
			"not enabled", func(f *node.Facts) {
				set(f, "haproxy.service", func(u *node.Unit) { u.File = "disabled" })
				set(f, "keepalived.service", func(u *node.Unit) { u.File = "" })
			},
			whatPlan{nil, []string{"enable haproxy.service keepalived.service"}, []string{"enabled at boot: haproxy.service, keepalived.service"}},
		},
		{
			"the flag is gone from the manifest", func(f *node.Facts) {
				edit(f, kubeadm.ManifestPath, "    - --bind-address=10.1.1.2\n", "")
			},
			whatPlan{[]string{"changed " + kubeadm.ManifestPath}, []string{"apiserver on 10.1.1.2:6443"}, []string{"apiserver restarts, about 10s without this one"}},
		},
		{
			"the manifest is right, and the apiserver not there yet", func(f *node.Facts) { f.Listeners = f.Listeners[:2] },
			whatPlan{nil, []string{"apiserver on 10.1.1.2:6443"}, []string{"waits for the apiserver to listen on 10.1.1.2:6443 only"}},
		},
		{
			"the manifest is right, and the apiserver still everywhere", func(f *node.Facts) {
				f.Listeners = []node.Listener{listener("[::]:6443", distribution.APIServer)}
			},
			whatPlan{nil, []string{"apiserver on 10.1.1.2:6443"}, []string{"waits for the apiserver to listen on 10.1.1.2:6443 only"}},
		},
		{
			"an apply was interrupted: nothing is known to be loaded", func(f *node.Facts) { delete(f.Files, node.ActivePath) },
			whatPlan{nil, []string{"daemon-reload", "sysctl on", "haproxy restart", "keepalived reload"}, []string{"sysctl applied", restarts, "keepalived: reloads"}},
		},
		{
			"an apply was interrupted: haproxy.cfg is in place and not loaded", func(f *node.Facts) { edit(f, node.ActivePath, render.HAProxyPath, "/elsewhere") },
			whatPlan{nil, []string{"haproxy reload"}, []string{reloads}},
		},
		{
			"an earlier keepalived.conf is loaded", func(f *node.Facts) {
				edit(f, node.ActivePath, hash(f.Files[render.KeepalivedPath].Content), strings.Repeat("0", 64))
			},
			whatPlan{nil, []string{"keepalived reload"}, []string{"keepalived: reloads"}},
		},
		{
			"packages are missing", func(f *node.Facts) {
				f.HAProxy, f.Keepalived, f.Files[node.ActivePath] = node.Package{}, node.Package{}, node.File{}
				f.Units = map[string]node.Unit{"kubelet.service": {Load: "loaded"}, "haproxy.service": {Load: "not-found", Active: "inactive"}}
				for _, path := range render.Paths() {
					delete(f.Files, path)
				}
			},
			whatPlan{
				[]string{
					"new " + render.SysctlPath, "new " + render.PatchPath, "new " + render.HAProxyPath, "new " + render.HAProxyUnitPath,
					"new " + render.CheckPath, "new " + render.KeepalivedPath, "new " + render.KeepalivedUnitPath,
				},
				[]string{"install haproxy keepalived", "daemon-reload", "sysctl on", "haproxy start", "keepalived start", "enable haproxy.service keepalived.service"},
				[]string{
					"packages installed: haproxy, keepalived", "sysctl applied", "haproxy: starts", "keepalived: starts",
					"enabled at boot: haproxy.service, keepalived.service",
				},
			},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := inputOf(t, home)
			facts := all(t, in, applied)
			c.differ(facts["node-2"])
			p := planOf(t, in, facts)
			same(t, "plan of node-2", retell(p.of("node-2")), c.want)
			empty := len(c.want.Files)+len(c.want.Actions) == 0
			if p.of("node-2").Empty() != empty || p.Empty() != empty {
				t.Errorf("empty: %v and %v, want %v", p.of("node-2").Empty(), p.Empty(), empty)
			}
			for _, other := range []string{"node-1", "node-3"} {
				same(t, "plan of "+other, retell(p.of(other)), whatPlan{})
			}
		})
	}
}

// TestPlanOwner has files that belong to somebody else than root.
func TestPlanOwner(t *testing.T) {
	t.Parallel()
	for _, owner := range []struct{ uid, gid int }{{1000, 0}, {0, 50}} {
		in := inputOf(t, home)
		facts := all(t, in, applied)
		file := facts["node-2"].Files[render.KeepalivedPath]
		file.UID, file.GID = owner.uid, owner.gid
		facts["node-2"].Files[render.KeepalivedPath] = file
		n := planOf(t, in, facts).of("node-2")
		same(t, "plan", retell(n), whatPlan{[]string{"changed " + render.KeepalivedPath}, []string{"keepalived reload"}, []string{"keepalived: reloads"}})
		same(t, "owner", n.Changes[0].Owner.String(), "0:0")
	}
}

// TestPlanFirstApply is the tutorial's cluster before kplb.
func TestPlanFirstApply(t *testing.T) {
	t.Parallel()
	in := inputOf(t, home)
	p := planOf(t, in, all(t, in, freshOf))
	for i, n := range p.Nodes {
		same(t, "order", n.Node.Name, in.Cluster.Nodes[i].Name)
		same(t, "plan of "+n.Node.Name, retell(n), whatPlan{
			[]string{
				"new " + render.SysctlPath, "new " + render.PatchPath, "changed " + render.HAProxyPath, "new " + render.HAProxyUnitPath,
				"new " + render.CheckPath, "new " + render.KeepalivedPath, "new " + render.KeepalivedUnitPath, "changed " + kubeadm.ManifestPath,
			},
			[]string{
				"daemon-reload", "sysctl on", "apiserver on " + n.Node.Address.String() + ":6443", "haproxy start", "keepalived start",
				"enable haproxy.service keepalived.service",
			},
			[]string{
				"sysctl applied", "apiserver restarts, about 10s without this one", "haproxy: starts", "keepalived: starts",
				"enabled at boot: haproxy.service, keepalived.service",
			},
		})
		same(t, "files overwritten", n.Overwrites(), []string(nil))
		same(t, "interface of the VIP", n.VIPInterface, "eth0")
		same(t, "lines of active", strings.Count(string(n.Active), "\n"), 7)
	}
}

// TestPlanHolder moves the VIP around: its holder is the last one, the others
// keep the order of the inventory.
func TestPlanHolder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		holders []string
		want    string
	}{
		{nil, "node-1 node-2 node-3"},
		{[]string{"node-1"}, "node-2 node-3 node-1"},
		{[]string{"node-2"}, "node-1 node-3 node-2"},
		{[]string{"node-3"}, "node-1 node-2 node-3"},
		{[]string{"node-1", "node-2"}, "node-3 node-1 node-2"},
	} {
		in := inputOf(t, home)
		facts := all(t, in, freshOf)
		for _, h := range c.holders {
			facts[h].Addresses = append(facts[h].Addresses, address("eth0", "10.1.233.1/32"))
		}
		order := make([]string, 0, 3)
		for _, n := range planOf(t, in, facts).Nodes {
			order = append(order, n.Node.Name)
		}
		same(t, "order with the VIP on "+strings.Join(c.holders, ", "), strings.Join(order, " "), c.want)
	}
}

// TestConsequences pins every sentence.
func TestConsequences(t *testing.T) {
	t.Parallel()
	cases := []struct {
		plan NodePlan
		want []string
	}{
		{NodePlan{}, nil},
		{NodePlan{Holder: true, HAProxy: node.Reload, Keepalived: node.Reload}, []string{reloads, "keepalived: reloads"}},
		{NodePlan{Holder: true, HAProxy: node.Restart}, []string{restarts, "the VIP leaves this node"}},
		{NodePlan{HAProxy: node.Restart}, []string{restarts}},
		{NodePlan{Keepalived: node.Restart}, []string{"keepalived: restarts"}},
		{
			NodePlan{
				Holder: true, HAProxy: node.Stop, Keepalived: node.Stop, Sysctl: node.SysctlOff, Manifest: &Change{}, Listen: "*:6443", Restart: quickRestart,
				Disable: []string{"haproxy.service", "keepalived.service"},
			},
			[]string{
				"sysctl restored", "apiserver restarts, about 10s without this one", "haproxy: stops", "keepalived: stops", "the VIP leaves this node",
				"disabled at boot: haproxy.service, keepalived.service",
			},
		},
	}
	for _, c := range cases {
		same(t, "consequences", c.plan.Consequences(), c.want)
	}
}

// TestHandEdit knows a file that was edited from one that is merely old.
func TestHandEdit(t *testing.T) {
	t.Parallel()
	in := inputOf(t, home)
	facts := all(t, in, applied)
	older := strings.Replace(home, "monitorPort: 8404", "monitorPort: 8405", 1)
	old := applied(t, inputOf(t, older), in.Cluster.Nodes[1])
	f := facts["node-2"]
	f.Files[render.HAProxyPath] = old.Files[render.HAProxyPath] // of an earlier inventory
	edit(f, render.KeepalivedPath, "priority 240", "priority 254")
	put(f, render.SysctlPath, 0o644, []byte("net.ipv4.ip_nonlocal_bind = 1\n")) // not ours
	n := planOf(t, in, facts).of("node-2")
	same(t, "overwritten", n.Overwrites(), []string{render.KeepalivedPath})
	got := map[string]render.StampState{}
	for _, c := range n.Changes {
		got[c.Path] = c.Stamp
	}
	same(t, "stamps", got, map[string]render.StampState{
		render.HAProxyPath: render.Intact, render.KeepalivedPath: render.Edited, render.SysctlPath: render.Unstamped,
	})
}

func TestDiff(t *testing.T) {
	t.Parallel()
	in := inputOf(t, home)
	facts := all(t, in, applied)
	f := facts["node-2"]
	edit(f, kubeadm.ManifestPath, "    - --bind-address=10.1.1.2\n", "")
	put(f, render.CheckPath, 0o700, f.Files[render.CheckPath].Content)
	delete(f.Files, render.SysctlPath)
	edit(f, render.KeepalivedPath, "nopreempt", "preempt"+esc+"\x07\u202e")
	got := map[string]string{}
	for _, c := range planOf(t, in, facts).of("node-2").Files() {
		got[c.Path] = c.Diff
		if node.Clean(c.Diff) != c.Diff {
			t.Errorf("diff %q holds control characters", c.Diff)
		}
	}
	same(t, "of the manifest", got[kubeadm.ManifestPath], `diff on node-2/etc/kubernetes/manifests/kube-apiserver.yaml planned/etc/kubernetes/manifests/kube-apiserver.yaml
--- on node-2/etc/kubernetes/manifests/kube-apiserver.yaml
+++ planned/etc/kubernetes/manifests/kube-apiserver.yaml
@@ -39,6 +39,7 @@
     - --service-cluster-ip-range=10.96.0.0/12
     - --tls-cert-file=/etc/kubernetes/pki/apiserver.crt
     - --tls-private-key-file=/etc/kubernetes/pki/apiserver.key
+    - --bind-address=10.1.1.2
     image: registry.k8s.io/kube-apiserver:v1.36.3
     imagePullPolicy: IfNotPresent
     livenessProbe:
`)
	same(t, "of a mode", got[render.CheckPath], "node-2/etc/keepalived/kplb-check: mode -rwx------, owner 0:0; planned: mode -rwxr-xr-x, owner 0:0\n")
	if want := "--- /dev/null\n+++ planned/etc/sysctl.d/90-kplb.conf\n"; !strings.Contains(got[render.SysctlPath], want) {
		t.Errorf("diff of a new file: %q", got[render.SysctlPath])
	}
	if want := "\n-    preempt\n+    nopreempt\n"; !strings.Contains(got[render.KeepalivedPath], want) {
		t.Errorf("no %q in\n%s", want, got[render.KeepalivedPath])
	}
}

const withAuth = home + "vrrp: {version: 2, auth: {fromEnv: KPLB_AUTH}}\n"

// TestSecrets looks for two passwords, the one of the inventory and one that
// a person wrote, in everything that is printed.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const ours, theirs = "Zq7xCv1p", "hunter2"
	in := inputOf(t, withAuth)
	in.Secrets = render.Secrets{render.VRRPAuth: ours}
	cases := []struct {
		name    string
		differ  func(f *node.Facts)
		changes bool
	}{
		{"nothing to do", func(*node.Facts) {}, false},
		{"another password", func(f *node.Facts) { edit(f, render.KeepalivedPath, ours, theirs) }, true},
		{"the password under a keyword that we do not know", func(f *node.Facts) {
			edit(f, render.KeepalivedPath, "auth_pass", "shibboleth")
			edit(f, render.HAProxyPath, "balance", "# it is "+ours+"!\nbalance")
		}, true},
		{"no file yet", func(f *node.Facts) { delete(f.Files, render.KeepalivedPath) }, true},
		{"passwords in haproxy.cfg", func(f *node.Facts) { edit(f, render.HAProxyPath, "stats enable", "stats auth admin:"+theirs) }, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			facts := all(t, in, applied)
			c.differ(facts["node-2"])
			p := planOf(t, in, facts)
			same(t, "something to do", !p.Empty(), c.changes)
			n := p.of("node-2")
			for _, change := range n.Files() {
				before, after := change.Sums()
				if said := change.Diff + before + after; strings.Contains(said, ours) || strings.Contains(said, theirs) {
					t.Errorf("the diff has a secret:\n%s", said)
				}
				if change.Path == render.KeepalivedPath && !strings.Contains(string(change.Content), "auth_pass "+ours+"\n") {
					t.Error("the node does not get the password")
				}
			}
		})
	}
}

// TestSums are what a saved plan is compared with.
func TestSums(t *testing.T) {
	t.Parallel()
	was := node.File{Content: []byte("auth_pass one\n")}
	new1, new2 := render.Artifact{Content: []byte("auth_pass two\n")}, render.Artifact{Content: []byte("auth_pass two \n")}
	blank := hash([]byte("auth_pass <secret>\n"))
	cases := []struct {
		name          string
		change        Change
		before, after string
	}{
		{"new", Change{Artifact: new1}, "absent", blank},
		{"changed: passwords do not count", Change{Artifact: new1, Was: &was}, blank, blank},
		{"changed: not even a blank in them", Change{Artifact: new2, Was: &was}, blank, blank},
		{"removed", Change{Was: &was, Remove: true}, blank, "absent"},
		{"an empty file is a file", Change{Was: &node.File{}}, hash(nil), hash(nil)},
	}
	for _, c := range cases {
		before, after := c.change.Sums()
		same(t, c.name, [2]string{before, after}, [2]string{c.before, c.after})
	}
	// what the node compares with is exact
	c := Change{Artifact: new1, Was: &was}
	same(t, "before", string(c.Before()), hash(was.Content))
	c.Remove, c.Was = true, nil
	same(t, "absent", c.Before(), node.Sum(""))
}

// TestPlanNodeKeepsTheOrderOfInstallation plans artifacts that no template makes.
func TestPlanNodeKeepsTheOrderOfInstallation(t *testing.T) {
	t.Parallel()
	c := parse(t, home)
	n := c.Nodes[0]
	artifacts := []render.Artifact{
		{Path: "/b", Mode: 0o644, Content: []byte("b"), Effect: render.NoEffect},
		{Path: "/a", Mode: 0o4755, Content: nil, Effect: render.NoEffect},
	}
	p, err := compareNode(c, n, fresh(t, c, n), artifacts)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "files", retell(p.NodePlan).Files, []string{"new /b", "new /a", "changed " + kubeadm.ManifestPath})
	same(t, "the mode of the manifest stays", p.Manifest.Mode, fs.FileMode(0o600))
	same(t, "its owner", p.Manifest.Owner.String(), "0:0")
}
