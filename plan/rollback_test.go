package plan

import (
	"errors"
	"strings"
	"testing"

	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/render"
)

// TestPlanBackToTheBeginning removes kplb from nodes that are as it made them.
func TestPlanBackToTheBeginning(t *testing.T) {
	t.Parallel()
	const (
		everywhere = "apiserver on *:6443"
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
	saysBoth := "disabled at boot: haproxy.service, keepalived.service"
	cases := []struct {
		name   string
		before func(f *node.Facts) // what was there before kplb, beside Debian's own files
		now    func(f *node.Facts)
		want   whatPlan
	}{
		{
			name: "packages just installed",
			want: whatPlan{withManifest, concat("daemon-reload", "sysctl off", everywhere, stops, both), concat("sysctl restored", reboots, saysStops, saysBoth)},
		},
		{
			name: "haproxy served something else", before: func(f *node.Facts) {
				f.Units["haproxy.service"] = node.Unit{Active: "active", File: "enabled"}
			},
			want: whatPlan{
				withManifest, concat("daemon-reload", "sysctl off", everywhere, "haproxy restart", "keepalived stop", "disable keepalived.service"),
				concat("sysctl restored", reboots, restarts, "keepalived: stops", "disabled at boot: keepalived.service"),
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
			name: "the manifest was written anew, without our flag", now: func(f *node.Facts) { edit(f, kubeadm.ManifestPath, "    - --bind-address=10.1.1.2\n", "") },
			want: whatPlan{
				ours, concat("daemon-reload", "sysctl off", everywhere, stops, both),
				concat("sysctl restored", "waits for the apiserver to listen on every address", saysStops, saysBoth),
			},
		},
		{
			name: "the apiserver was bound to every address in so many words", before: func(f *node.Facts) {
				edit(f, kubeadm.ManifestPath, "    - --secure-port", "    - --bind-address=0.0.0.0\n    - --secure-port")
			},
			want: whatPlan{withManifest, concat("daemon-reload", "sysctl off", everywhere, stops, both), concat("sysctl restored", reboots, saysStops, saysBoth)},
		},
		{
			name: "the apiserver was bound to its address before kplb", before: func(f *node.Facts) {
				edit(f, kubeadm.ManifestPath, "    - --secure-port", "    - --bind-address=10.1.1.2\n    - --secure-port")
			},
			want: whatPlan{ours, concat("daemon-reload", "sysctl off", stops, both), concat("sysctl restored", saysStops, saysBoth)},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := inputOf(t, home)
			facts, generations := all(t, in, applied), savedSnapshots{}
			for _, n := range in.Cluster.Nodes {
				before := fresh(t, in.Cluster, n)
				if n.Name == "node-2" && c.before != nil {
					c.before(before)
				}
				generations[SnapshotRequest{n.Name, 0}] = plantest.Snapshot(before)
			}
			if c.now != nil {
				c.now(facts["node-2"])
			}
			input := in.with(facts)
			input.Target = ToGeneration
			p, err := makeWith(t, input, generations)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "goal", p.Goal, Removed)
			same(t, "uninstall", p.Uninstall, true)
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
	in := inputOf(t, home)
	facts, generations := all(t, in, applied), savedSnapshots{}
	for _, n := range in.Cluster.Nodes {
		s := plantest.Snapshot(fresh(t, in.Cluster, n))
		file := s.Files[render.HAProxyPath]
		file.Mode, file.UID, file.GID = 0o640, 1000, 50
		s.Files[render.HAProxyPath] = file
		generations[SnapshotRequest{n.Name, 0}] = s
	}
	input := in.with(facts)
	input.Target = ToGeneration
	p, err := makeWith(t, input, generations)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "goal", p.Goal, Removed)
	same(t, "uninstall", p.Uninstall, true)
	for _, c := range p.of("node-2").Changes {
		if c.Path == render.HAProxyPath {
			same(t, "owner", c.Owner.String(), "1000:50")
			same(t, "mode", c.Mode.String(), "-rw-r-----")
		}
	}
	// there, but root's
	file := generations[SnapshotRequest{"node-2", 0}].Files[render.HAProxyPath]
	file.UID, file.GID = 0, 0
	facts["node-2"].Files[render.HAProxyPath] = file
	p, err = makeWith(t, input, generations)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range p.of("node-2").Changes {
		if c.Path == render.HAProxyPath {
			same(t, "difference", c.Diff, "node-2/etc/haproxy/haproxy.cfg: mode -rw-r-----, owner 0:0; planned: mode -rw-r-----, owner 1000:50\n")
		}
	}
}

// TestPlanBackToAGeneration goes to one of kplb's own.
func TestPlanBackToAGeneration(t *testing.T) {
	t.Parallel()
	in := inputOf(t, home)
	facts, generations := all(t, in, applied), savedSnapshots{}
	for name, f := range facts {
		generations[SnapshotRequest{name, 3}] = plantest.Snapshot(f)
		put(f, "/var/lib/kplb/current", 0o600, []byte("4\n"))
	}
	input := in.with(facts)
	input.Target, input.Generation = ToGeneration, 3
	p, err := makeWith(t, input, generations)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "nothing to do", p.Empty(), true)
	same(t, "goal", p.Goal, Installed)

	n := facts["node-3"]
	edit(n, render.HAProxyPath, "leastconn", "roundrobin")
	edit(n, kubeadm.ManifestPath, "    - --bind-address=10.1.1.3\n", "")
	n.NonlocalBind = false
	input.Target, input.Generation = ToGeneration, 3
	if p, err = makeWith(t, input, generations); err != nil {
		t.Fatal(err)
	}
	same(t, "plan", retell(p.of("node-3")), whatPlan{
		[]string{"changed " + render.HAProxyPath, "changed " + kubeadm.ManifestPath},
		[]string{"sysctl on", "apiserver on 10.1.1.3:6443", "haproxy reload"},
		[]string{"sysctl applied", "apiserver restarts, about 10s without this one", reloads},
	})
	same(t, "plan", retell(p.of("node-1")), whatPlan{})
}

func TestPlanBackRefused(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		differ func(facts map[string]*node.Facts, generations savedSnapshots)
		to     Target
		number int
		says   string
		hint   string
	}{
		{"no such generation", func(map[string]*node.Facts, savedSnapshots) {}, ToGeneration, 7, "node-1: there is no generation 7", "see `kplb history`"},
		{"on one node", func(_ map[string]*node.Facts, generations savedSnapshots) {
			delete(generations, SnapshotRequest{"node-2", 0})
		}, ToGeneration, 0, "node-2: there is no generation 0", "see `kplb history`"},
		{
			"a change waits", func(facts map[string]*node.Facts, _ savedSnapshots) {
				put(facts["node-2"], "/var/lib/kplb/pending/txn", 0o600, []byte("abc"))
				put(facts["node-2"], "/var/lib/kplb/pending/about", 0o600, []byte("bob"))
			}, ToGeneration, 0, "node-2: a change is awaiting confirmation: bob",
			"keep it with `kplb confirm`, take it back now with `kplb rollback`, or wait: the node takes it back by itself",
		},
		{
			"the manifest has another form now", func(facts map[string]*node.Facts, _ savedSnapshots) {
				put(facts["node-2"], kubeadm.ManifestPath, 0o600, []byte("kind: Pod"))
			}, ToGeneration, 0,
			"node-2: /etc/kubernetes/manifests/kube-apiserver.yaml has no spec.containers",
			"bring the manifest to the form that `kubeadm init phase control-plane apiserver` writes",
		},
		{
			"the manifest was not there then", func(_ map[string]*node.Facts, generations savedSnapshots) {
				delete(generations[SnapshotRequest{"node-2", 0}].Files, kubeadm.ManifestPath)
			}, ToGeneration, 0,
			"node-2: /etc/kubernetes/manifests/kube-apiserver.yaml as it was saved is empty",
			"bring the manifest to the form that `kubeadm init phase control-plane apiserver` writes",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := inputOf(t, home)
			facts, generations := all(t, in, applied), savedSnapshots{}
			for _, n := range in.Cluster.Nodes {
				generations[SnapshotRequest{n.Name, 0}] = plantest.Snapshot(fresh(t, in.Cluster, n))
			}
			c.differ(facts, generations)
			input := in.with(facts)
			input.Target, input.Generation = c.to, c.number
			_, err := makeWith(t, input, generations)
			says(t, err, c.says)
			var refused *refusal.Error
			if errors.As(err, &refused) {
				same(t, "hint", strings.Join(refused.Hints(), "\n"), c.hint)
			} else if c.hint != "" {
				t.Errorf("no hint: %T", err)
			}
		})
	}
}

// TestPlanBackSecrets has a password that changed, where no keyword says so.
func TestPlanBackSecrets(t *testing.T) {
	t.Parallel()
	const ours = "Zq7xCv1p"
	in := inputOf(t, home)
	in.Secrets = render.Secrets{render.VRRPAuth: ours}
	facts, generations := all(t, in, applied), savedSnapshots{}
	for name, f := range facts {
		generations[SnapshotRequest{name, 3}] = plantest.Snapshot(f)
		edit(f, render.HAProxyPath, "balance", "# "+ours+"\n    balance")
	}
	input := in.with(facts)
	input.Target, input.Generation = ToGeneration, 3
	p, err := makeWith(t, input, generations)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range p.Nodes {
		if diff := n.Changes[0].Diff; strings.Contains(diff, ours) || !strings.Contains(diff, "-    # <secret>") {
			t.Errorf("the diff shows the secret:\n%s", diff)
		}
	}
}
