package node

import (
	"os"
	"testing"
	"time"
)

// kubeletSandbox is what of a node stands in for the real one: the apiserver's
// socket is a file, and its pod's control group a directory. Its process, and
// kubelet, are shells.
const kubeletSandbox = `
manifest=$R/manifests/kube-apiserver.yaml
temporary() { echo "$R/aside"; }
pod_group() { [ "$1" = "$child" ] && echo "$R/pods/pod-old"; }
ss() { [ ! -e $R/listens ] || echo "LISTEN 0 4096 *:6443 *:* users:((\"kube-apiserver\",pid=$child,fd=5))"; }
echo "$(id -u):$(id -g)" >$R/owner
replace() { replace_manifest $R/new 600 "$(cat $R/owner)" "$1"; }
`

// apiserverNode is a node whose apiserver is child, and whose kubelet is kubelet:
// shell programs.
func apiserverNode(t *testing.T, child, kubelet string) *sandbox {
	t.Helper()
	s := newSandbox(t)
	s.write("manifests/kube-apiserver.yaml", "metadata:\n  name: old\n", 0o600)
	s.write("new", "metadata:\n  name: new\n", 0o600)
	s.write("listens", "", 0o600)
	s.write("kplb/pending/txn", "1", 0o600)
	s.write("pods/pod-old/container/x", "", 0o600)
	s.write("child", child, 0o600)
	s.write("kubelet", kubelet, 0o600)
	return s
}

// replaced runs replace_manifest there, and returns what has become of the process.
func (s *sandbox) replaced(port, more string) string {
	s.t.Helper()
	return s.must(file("apiserver.sh") + kubeletSandbox + `
sh $R/child & child=$!
( . $R/kubelet ) & kubelet=$!
` + more + `
replace ` + port + ` || echo "failed"
case $(cat /proc/$child/stat 2>/dev/null) in *") Z "* | '') ;; *) echo "the process lives" ;; esac
kill -KILL $kubelet $child 2>/dev/null
wait $child 2>/dev/null
echo "status $?"
sed -n '/name/p' $manifest`)
}

// follow is a kubelet that lets the port be closed when the manifest changes, and
// clears the pod when its process is gone; then it starts what the manifest says.
const follow = `
until grep -q generation $manifest; do sleep 0.02; done
rm -f $R/listens
while kill -0 $child 2>/dev/null && ! grep -qs ') Z ' /proc/$child/stat; do sleep 0.02; done
sleep 0.1; rm -r $R/pods/pod-old
until ! grep -q generation $manifest; do sleep 0.02; done
mkdir $R/pods/pod-new
`

func TestReplaceManifest(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc")
	}
	const waits = "trap '' TERM; while :; do sleep 0.1; done"
	cases := []struct {
		name, child, kubelet, port, more string
		want                             string
		most                             time.Duration
	}{
		{
			"an apiserver that waits for watches is ended after its grace", waits, follow, "6443", "",
			"status 137\n  name: new\n", 6 * time.Second,
		},
		{
			"one that ends by itself is not", "while [ -e $R/listens ]; do sleep 0.05; done; sleep 0.5; exit 7", follow, "6443", "",
			"status 7\n  name: new\n", 4 * time.Second,
		},
		{
			"graceful: all is left to kubelet", waits, "", "''", "",
			"the process lives\nstatus 137\n  name: new\n", 3 * time.Second,
		},
		{
			"a process that kubelet does not run", waits, "", "6443", "pod_group() { return 1; }",
			"the process lives\nstatus 137\n  name: new\n", 3 * time.Second,
		},
		{
			"nobody listens", waits, "", "6443", "rm $R/listens",
			"the process lives\nstatus 137\n  name: new\n", 3 * time.Second,
		},
		{
			"two that kubelet runs", waits, "", "6443", `pod_group() { echo $R/pods/pod-old; }; ss() { echo "pid=$child, pid=$kubelet,"; }`,
			"the process lives\nstatus 137\n  name: new\n", 3 * time.Second,
		},
		{
			"a manifest that is not kubeadm's", waits, "", "6443", `echo '{"metadata": {"name": "new"}}' >$R/new`,
			"the process lives\nstatus 137\n{\"metadata\": {\"name\": \"new\"}}\n", 3 * time.Second,
		},
		{
			"a pid that has another process by now", waits, follow, "6443", "started_at() { [ -e $R/listens ] && echo 1 || echo 2; }",
			"the process lives\nstatus 137\n  name: new\n", 9 * time.Second,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := apiserverNode(t, c.child, c.kubelet)
			began := time.Now()
			same(t, "what has become of it", s.replaced(c.port, c.more), c.want)
			if took := time.Since(began); took > c.most {
				t.Errorf("took %s, at most %s", took, c.most)
			}
		})
	}
}
