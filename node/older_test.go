package node

import (
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node/programtest"
)

// TestProgramsStoredBeforeLayouts: a change that a kplb from before layouts has made is
// taken back by the program that this kplb has left on the node, whoever asks for it.
// testdata/restore-before-layouts.sh is what commit 881910a leaves there.
func TestProgramsStoredBeforeLayouts(t *testing.T) {
	t.Parallel()
	stored, err := os.ReadFile("testdata/restore-before-layouts.sh")
	if err != nil {
		t.Fatal(err)
	}
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := freshNode(t, shell)
		o.node.Write(kubeadm.KubeletPath, "old\n", 0o600)
		o.node.Write("/node/vendor/kubelet.service", "[Unit]\nDescription=kubelet\n", 0o644)
		o.node.Must("systemctl enable kubelet.service && systemctl start kubelet.service")
		o.paths = []string{kubeadm.KubeletPath}
		before := stateOf(o.node)

		c := first
		c.files = maps.Clone(first.files)
		c.files[kubeadm.KubeletPath] = programFile{mode: "600", content: "new\n"}
		c.activate = maps.Clone(first.activate)
		c.activate["KPLB_KUBELET"] = "restart"
		stage := o.stage(c)
		stage.Files["restore"] = stored
		if a := o.node.Run(stage); !a.Done() {
			t.Fatalf("stage: %s", a)
		}
		for _, s := range o.steps(c)[1:4] {
			if a := s.run(); !a.Done() {
				t.Fatalf("%s: %s", s.name, a)
			}
		}
		same(t, "the kubelet's kubeconfig", o.node.Read(kubeadm.KubeletPath), "new\n")
		same(t, "the manifest", o.node.Read(kubeadm.ManifestPath), first.manifest)

		pending := o.node.Tree()
		for _, w := range o.ways() {
			o.node.Reset(pending)
			o.node.Told()
			w.take(t)
			same(t, w.name, stateOf(o.node), before)
			restarted := slices.Contains(o.node.Told(), "systemctl restart kubelet.service")
			same(t, w.name+": the kubelet restarts", restarted, w.name != "at boot")
		}
	})
}
