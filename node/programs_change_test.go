package node

import (
	"testing"

	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node/programtest"
)

// TestProgramsConfirm carries two changes out and makes them last.
func TestProgramsConfirm(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := afterFirst(t, shell)
		for path, f := range first.files {
			same(t, path, o.node.Read(path), f.content)
		}
		same(t, "manifest", o.node.Read(kubeadm.ManifestPath), first.manifest)
		same(t, "units", o.node.Tree().Units(), map[string]programtest.Unit{
			"haproxy.service":       {Active: "active", Enabled: true, Config: first.files["/etc/haproxy/haproxy.cfg"].content},
			"keepalived.service":    {Active: "active", Enabled: true, Config: first.files["/etc/keepalived/keepalived.conf"].content},
			"kplb-redirect.service": {Active: "active", Enabled: true, Config: first.files["/etc/haproxy/kplb-redirect.nft"].content},
		})
		same(t, "setting", o.node.Read("/proc/sys/net/ipv4/ip_nonlocal_bind"), "1\n")
		same(t, "tables", o.node.Exists("/node/nft/ip-kplb"), true)
		same(t, "current", o.node.Read(basePath+"/current"), "1\n")

		o.does(t, second, "confirm")
		same(t, "haproxy.cfg", o.node.Tree()["/etc/haproxy/haproxy.cfg"].Mode.String(), "-rw-r-----")
		same(t, "removed", o.node.Exists("/etc/haproxy/kplb-redirect.nft"), false)
		same(t, "units", o.node.Tree().Units(), map[string]programtest.Unit{
			"haproxy.service":    {Active: "active", Enabled: true, Config: second.files["/etc/haproxy/haproxy.cfg"].content},
			"keepalived.service": {Active: "active", Enabled: true, Config: second.files["/etc/keepalived/keepalived.conf"].content},
		})
		same(t, "tables", o.node.Exists("/node/nft/ip-kplb"), false)
		same(t, "current", o.node.Read(basePath+"/current"), "2\n")
		same(t, "a way back", stateOf(o.node).Armed, false)
	})
}

// TestProgramsRevert takes each change back after each of its steps, in each way:
// the node is as it was.
func TestProgramsRevert(t *testing.T) {
	t.Parallel()
	sweeps(t, 1, func(t *testing.T, o operator, before programState, s programStep) {
		if s.name == "confirm" {
			return
		}
		if a := s.run(); !a.Done() {
			t.Fatal(a)
		}
		after := o.node.Tree()
		for _, w := range o.ways() {
			if !w.possible() {
				continue
			}
			w.take(t)
			same(t, w.name, stateOf(o.node), before)
			o.node.Reset(after)
		}
	})
}

// TestProgramsManifestGone: a manifest that was being replaced, and is in its place
// no more, is back after each way back.
func TestProgramsManifestGone(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := scenarios[0].before(t, shell, "activate")
		before := stateIn(scenarios[0].stages(t, shell).states["stage"])
		o.node.Must("mv " + kubeadm.ManifestPath + " /etc/kubernetes/.kplb-kube-apiserver.yaml")
		gone := o.node.Tree()
		for _, w := range o.possible() {
			w.take(t)
			same(t, w.name, stateOf(o.node), before)
			o.node.Reset(gone)
		}
	})
}
