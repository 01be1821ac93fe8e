package rollout

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// TestPlanBackToTheBeginning removes kplb from nodes that are as it made them.
func TestPlanBackToTheBeginning(t *testing.T) {
	t.Parallel()
	const (
		everywhere = "apiserver on *:1"
		reboots    = "apiserver restarts, about 10s without this one"
	)
	ours := []string{
		"removed " + render.SysctlPath, "removed " + render.PatchPath, "changed " + render.HAProxyPath, "removed " + render.HAProxyUnitPath,
		"removed " + render.CheckPath, "removed " + render.KeepalivedPath, "removed " + render.KeepalivedUnitPath,
	}
	withManifest := concat(ours, "changed "+kubeadm.ManifestPath)
	stops := []string{"haproxy stop", "keepalived stop"}
	both := "disable haproxy.service keepalived.service"
	saysStops := []string{"haproxy: stops", "keepalived: stops"}
	saysBoth := "not started at boot any more: haproxy.service, keepalived.service"
	cases := []struct {
		name   string
		before func(f *node.Facts) // what was there before kplb, beside Debian's own files
		now    func(f *node.Facts)
		want   whatPlan
	}{
		{
			name: "packages just installed",
			want: whatPlan{withManifest, concat("daemon-reload", "sysctl off", everywhere, stops, both), concat("sysctl taken away", reboots, saysStops, saysBoth)},
		},
		{
			name: "haproxy served something else", before: func(f *node.Facts) {
				f.Units["haproxy.service"] = node.Unit{Active: "active", File: "enabled"}
			},
			want: whatPlan{
				withManifest, concat("daemon-reload", "sysctl off", everywhere, "haproxy restart", "keepalived stop", "disable keepalived.service"),
				concat("sysctl taken away", reboots, restarts, "keepalived: stops", "not started at boot any more: keepalived.service"),
			},
		},
		{
			name: "the sysctl was on, by another file", before: func(f *node.Facts) { f.NonlocalBind = true },
			want: whatPlan{withManifest, concat("daemon-reload", everywhere, stops, both), concat(reboots, saysStops, saysBoth)},
		},
		{
			name: "it was on, and somebody has turned it off: the file that we would apply goes", before: func(f *node.Facts) { f.NonlocalBind = true }, now: func(f *node.Facts) { f.NonlocalBind = false },
			want: whatPlan{withManifest, concat("daemon-reload", everywhere, stops, both), concat(reboots, saysStops, saysBoth)},
		},
		{
			name: "everything is stopped already", now: func(f *node.Facts) {
				f.NonlocalBind = false
				f.Units["haproxy.service"], f.Units["keepalived.service"] = node.Unit{Active: "failed", File: "disabled"}, node.Unit{Active: "inactive", File: "masked"}
			},
			want: whatPlan{withManifest, concat("daemon-reload", everywhere), []string{reboots}},
		},
		{
			name: "the manifest was written anew, without our flag", now: func(f *node.Facts) { edit(f, kubeadm.ManifestPath, "    - --bind-address=127.9.1.2\n", "") },
			want: whatPlan{
				ours, concat("daemon-reload", "sysctl off", everywhere, stops, both),
				concat("sysctl taken away", "waits for the apiserver to listen on every address", saysStops, saysBoth),
			},
		},
		{
			name: "the apiserver was bound to every address in so many words", before: func(f *node.Facts) {
				edit(f, kubeadm.ManifestPath, "    - --secure-port", "    - --bind-address=0.0.0.0\n    - --secure-port")
			},
			want: whatPlan{withManifest, concat("daemon-reload", "sysctl off", everywhere, stops, both), concat("sysctl taken away", reboots, saysStops, saysBoth)},
		},
		{
			name: "the apiserver was bound to its address before kplb", before: func(f *node.Facts) {
				edit(f, kubeadm.ManifestPath, "    - --secure-port", "    - --bind-address=127.9.1.2\n    - --secure-port")
			},
			want: whatPlan{ours, concat("daemon-reload", "sysctl off", stops, both), concat("sysctl taken away", saysStops, saysBoth)},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, applied)
			for _, n := range f.Cluster.Nodes {
				before := fresh(t, f.Cluster, n)
				if n.Name == "node-2" && c.before != nil {
					c.before(before)
				}
				f.nodes[n.Name].save("0", before)
			}
			if c.now != nil {
				c.now(f.nodes["node-2"].facts)
			}
			p, err := f.PlanBack(t.Context(), -1)
			if err != nil {
				t.Fatal(err)
			}
			n := p.of("node-2")
			same(t, "plan", retell(n), c.want)
			same(t, "the holder comes last", p.Nodes[2].Node.Name, "node-1")
			for _, change := range n.Changes {
				same(t, "content of "+change.Path, change.Content == nil, change.Remove)
			}
		})
	}
}

func concat(parts ...any) []string {
	var out []string
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			out = append(out, p)
		case []string:
			out = append(out, p...)
		}
	}
	return out
}

// TestPlanBackKeepsOwners gives a file back to whom it belonged.
func TestPlanBackKeepsOwners(t *testing.T) {
	t.Parallel()
	f := newFleet(t, applied)
	for name, n := range f.nodes {
		n.save("0", fresh(t, f.Cluster, f.node(name)))
		file := n.saved["0"].Files[render.HAProxyPath]
		file.Mode, file.UID, file.GID = 0o640, 1000, 50
		n.saved["0"].Files[render.HAProxyPath] = file
	}
	p, err := f.PlanBack(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range p.of("node-2").Changes {
		if c.Path == render.HAProxyPath {
			same(t, "owner", c.Owner.String(), "1000:50")
			same(t, "mode", c.Mode.String(), "-rw-r-----")
		}
	}
	// there, but root's
	file := f.nodes["node-2"].saved["0"].Files[render.HAProxyPath]
	file.UID, file.GID = 0, 0
	f.nodes["node-2"].facts.Files[render.HAProxyPath] = file
	p, err = f.PlanBack(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range p.of("node-2").Changes {
		if c.Path == render.HAProxyPath {
			same(t, "difference", c.Diff, "node-2/etc/haproxy/haproxy.cfg: mode -rw-r-----, owner 0:0; planned: mode -rw-r-----, owner 1000:50\n")
		}
	}
}

func (f *fleet) node(name string) inventory.Node {
	for _, n := range f.Cluster.Nodes {
		if n.Name == name {
			return n
		}
	}
	panic(name)
}

// TestPlanBackToAGeneration goes to one of kplb's own.
func TestPlanBackToAGeneration(t *testing.T) {
	t.Parallel()
	f := newFleet(t, applied)
	for _, n := range f.nodes {
		n.save("3", n.facts)
		put(n.facts, basePath+"/current", 0o600, []byte("4\n"))
	}
	p, err := f.PlanBack(t.Context(), -1)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "nothing to do", p.Empty(), true)

	n := f.nodes["node-3"].facts
	edit(n, render.HAProxyPath, "leastconn", "roundrobin")
	edit(n, kubeadm.ManifestPath, "    - --bind-address=127.9.1.3\n", "")
	n.NonlocalBind = false
	if p, err = f.PlanBack(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	same(t, "plan", retell(p.of("node-3")), whatPlan{
		[]string{"changed " + render.HAProxyPath, "changed " + kubeadm.ManifestPath},
		[]string{"sysctl on", "apiserver on 127.9.1.3:1", "haproxy reload"},
		[]string{"sysctl applied", "apiserver restarts, about 10s without this one", reloads},
	})
	same(t, "plan", retell(p.of("node-1")), whatPlan{})
}

func TestPlanBackRefused(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		differ func(f *fleet)
		number int
		says   string
		hint   string
	}{
		{"no such generation", func(*fleet) {}, 7, "node-1: there is no generation 7", "see `kplb history`"},
		{"on one node", func(f *fleet) { delete(f.nodes["node-2"].saved, "0") }, 0, "node-2: there is no generation 0", "see `kplb history`"},
		{"never applied", func(f *fleet) { delete(f.nodes["node-1"].facts.Files, basePath+"/current") }, -1, "node-1: the node has no generation yet", "see `kplb history`"},
		{"garbage", func(f *fleet) { put(f.nodes["node-1"].facts, basePath+"/current", 0o600, []byte("one")) }, -1, "node-1: the node has no generation yet", "see `kplb history`"},
		{"at the beginning already", func(f *fleet) { put(f.nodes["node-1"].facts, basePath+"/current", 0o600, []byte("0")) }, -1, "node-1: there is no generation -1", "see `kplb history`"},
		{
			"a change waits", func(f *fleet) {
				put(f.nodes["node-2"].facts, pendingPath+"/txn", 0o600, []byte("abc"))
				put(f.nodes["node-2"].facts, pendingPath+"/about", 0o600, []byte("bob"))
			}, 0, "node-2: a change waits to be confirmed: bob",
			"make it last with `kplb confirm`, take it back now with `kplb rollback`, or wait: the node takes it back by itself",
		},
		{
			"the manifest has another form now", func(f *fleet) { put(f.nodes["node-2"].facts, kubeadm.ManifestPath, 0o600, []byte("kind: Pod")) }, 0,
			"node-2: /etc/kubernetes/manifests/kube-apiserver.yaml has no spec.containers",
			"bring the manifest to the form that `kubeadm init phase control-plane apiserver` writes",
		},
		{
			"the manifest was not there then", func(f *fleet) { delete(f.nodes["node-2"].saved["0"].Files, kubeadm.ManifestPath) }, 0,
			"node-2: /etc/kubernetes/manifests/kube-apiserver.yaml as it was saved is empty",
			"bring the manifest to the form that `kubeadm init phase control-plane apiserver` writes",
		},
		{
			"garbage instead of files", func(f *fleet) {
				f.nodes["node-3"].on["generations"] = func(_ context.Context, _ remote.Script, say say) error { say("files", "!"); say("done"); return nil }
			}, 0, "node-3: generation: record files: field 0 of record files is not base64: illegal base64 data at input byte 0", "",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, applied)
			for name, n := range f.nodes {
				n.save("0", fresh(t, f.Cluster, f.node(name)))
			}
			c.differ(f)
			_, err := f.PlanBack(t.Context(), c.number)
			says(t, err, c.says)
			var refused *RefusedError
			if errors.As(err, &refused) {
				same(t, "cure", strings.Join(refused.Hints(), "\n"), c.hint)
			} else if c.hint != "" {
				t.Errorf("no cure: %T", err)
			}
		})
	}
}

// TestPlanBackSecrets has a password that changed, where no keyword says so.
func TestPlanBackSecrets(t *testing.T) {
	t.Parallel()
	const ours = "Zq7xCv1p"
	f := newFleet(t, applied)
	f.Secrets = render.Secrets{render.VRRPAuth: ours}
	for _, n := range f.nodes {
		n.save("3", n.facts)
		edit(n.facts, render.HAProxyPath, "balance", "# "+ours+"\n    balance")
	}
	p, err := f.PlanBack(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range p.Nodes {
		if diff := n.Changes[0].Diff; strings.Contains(diff, ours) || !strings.Contains(diff, "-    # <secret>") {
			t.Errorf("the diff shows the secret:\n%s", diff)
		}
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	f := newFleet(t, applied)
	for _, name := range []string{"node-1", "node-3"} {
		f.nodes[name].save("0", f.nodes[name].facts)
	}
	f.nodes["node-3"].save("10", f.nodes["node-3"].facts)
	f.nodes["node-3"].save("9", f.nodes["node-3"].facts)
	put(f.nodes["node-3"].facts, basePath+"/current", 0o600, []byte("10\n"))
	list, err := f.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const at, about = "2026-11-20T20:00:00Z", "ann, cluster home"
	same(t, "history", list, []Generation{
		{"node-1", 0, at, about, false}, {"node-3", 0, at, about, false}, {"node-3", 9, at, about, false}, {"node-3", 10, at, about, true},
	})
}
