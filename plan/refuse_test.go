package plan

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/refusal"
)

// TestRefusedManifest has a manifest that is not edited.
func TestRefusedManifest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, content, says string }{
		{"empty", "", "node-2: /etc/kubernetes/manifests/kube-apiserver.yaml is empty"},
		{"another form", "kind: Pod\n", "node-2: /etc/kubernetes/manifests/kube-apiserver.yaml has no spec.containers"},
		{
			"probes that ask another address", strings.ReplaceAll(string(manifest(t, parse(t, home).Nodes[1])), "host: 10.1.1.2", "host: 127.0.0.1"),
			"node-2: /etc/kubernetes/manifests/kube-apiserver.yaml has kubelet probe 127.0.0.1, which an apiserver bound to 10.1.1.2 does not answer",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := inputOf(t, home)
			facts := all(t, in, freshOf)
			put(facts["node-2"], kubeadm.ManifestPath, 0o600, []byte(c.content))
			_, err := Make(in.with(facts))
			says(t, err, c.says)
			var refused *refusal.Error
			if !errors.As(err, &refused) {
				t.Fatalf("%T", err)
			}
			same(t, "hints", refused.Hints(), []string{"bring the manifest to the form that `kubeadm init phase control-plane apiserver` writes"})
		})
	}
}

// TestRefusedWhileAChangeWaits says so, whatever else is wrong.
func TestRefusedWhileAChangeWaits(t *testing.T) {
	t.Parallel()
	in := inputOf(t, home)
	facts := all(t, in, applied)
	for _, name := range []string{"node-3", "node-1"} {
		put(facts[name], "/var/lib/kplb/pending/txn", 0o600, []byte("abc\n"))
		put(facts[name], "/var/lib/kplb/pending/about", 0o600, []byte("ann@desk, pid 7, cluster home\n"))
	}
	facts["node-2"].Addresses = nil
	_, err := Make(in.with(facts))
	says(t, err, "node-1: a change is awaiting confirmation: ann@desk, pid 7, cluster home\nnode-3: a change is awaiting confirmation: ann@desk, pid 7, cluster home")
	var refused *refusal.Error
	if !errors.As(err, &refused) {
		t.Fatalf("%T", err)
	}
	same(t, "hints", refused.Hints(), []string{"keep it with `kplb confirm`, take it back now with `kplb rollback`, or wait: the node takes it back by itself"})
}

// TestRefusedNodesInOrder lists nodes in the order of the inventory, and each
// hint once.
func TestRefusedNodesInOrder(t *testing.T) {
	t.Parallel()
	in := inputOf(t, home)
	facts := all(t, in, freshOf)
	for _, f := range facts {
		delete(f.Files, kubeadm.ManifestPath)
	}
	_, err := Make(in.with(facts))
	var refused *refusal.Error
	if !errors.As(err, &refused) {
		t.Fatalf("%T", err)
	}
	nodes := slices.Collect(func(yield func(string) bool) {
		for _, x := range refused.Refusals {
			if !yield(x.Node) {
				return
			}
		}
	})
	same(t, "nodes", nodes, []string{"node-1", "node-2", "node-3"})
	same(t, "hints", len(refused.Hints()), 1)
}
