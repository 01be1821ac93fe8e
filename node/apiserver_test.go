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
	return s.must(file("process.sh") + file("apiserver.sh") + kubeletSandbox + `
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

// slack is for a machine that runs many tests at once. Every wait that would be one
// too many takes longer.
const slack = 4 * time.Second

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
			if took := time.Since(began); took > c.most+slack {
				t.Errorf("took %s, at most %s", took, c.most)
			}
		})
	}
}

// TestFirstManifestRuns: a kubelet that is itself restarted between the two
// manifests starts the pod of the first one. That process is ended, too, as
// soon as kubelet has told it to stop, and it was started before the manifest
// that stays: nobody takes it for the new apiserver.
func TestFirstManifestRuns(t *testing.T) {
	t.Parallel()
	const restarted = `
until grep -q generation $manifest; do sleep 0.02; done
rm -f $R/listens
while kill -0 $child 2>/dev/null && ! grep -qs ') Z ' /proc/$child/stat; do sleep 0.02; done
sh $R/child & echo $! >$R/first; cut -d " " -f 22 /proc/$!/stat >$R/born
mkdir $R/pods/pod-first; : >$R/listens
rm -r $R/pods/pod-old
until ! grep -q generation $manifest; do sleep 0.02; done
rm -f $R/listens; first=$(cat $R/first)
while kill -0 $first 2>/dev/null && ! grep -qs ') Z ' /proc/$first/stat; do sleep 0.02; done
rm -r $R/pods/pod-first
mkdir $R/pods/pod-new
`
	s := apiserverNode(t, "trap '' TERM; while :; do sleep 0.1; done", restarted)
	began := time.Now()
	same(t, "what has become of them", s.replaced("6443", `
pod_group() {
	case $1 in "$child") echo $R/pods/pod-old ;; "$(cat $R/first 2>/dev/null)") echo $R/pods/pod-first ;; *) return 1 ;; esac
}
ss() { [ ! -e $R/listens ] || echo "LISTEN 0 4096 *:6443 *:* users:((\"kube-apiserver\",pid=$(cat $R/first 2>/dev/null || echo $child),fd=5))"; }
replace() {
	replace_manifest $R/new 600 "$(cat $R/owner)" "$1" || return 1
	first=$(cat $R/first)
	case $(cat /proc/$first/stat 2>/dev/null) in *") Z "* | '') echo "the first one is gone" ;; *) echo "the first one lives"; kill -KILL $first ;; esac
	[ "$(cat $R/born)" -lt "$placed" ] && echo "and was started before the manifest came"
}
`), "the first one is gone\nand was started before the manifest came\nstatus 137\n  name: new\n")
	if took := time.Since(began); took > 9*time.Second+slack {
		t.Errorf("took %s", took)
	}
}

// TestAwait: only an apiserver counts that was started after its manifest came.
func TestAwait(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc")
	}
	for name, c := range map[string]struct{ vars, want string }{
		"any counts":                    {"KPLB_LISTEN='*:6443' KPLB_SINCE= KPLB_SOCKET=", "done\n"},
		"started since":                 {"KPLB_LISTEN='*:6443' KPLB_SINCE=$born KPLB_SOCKET=", "done\n"},
		"started before":                {"KPLB_LISTEN='*:6443' KPLB_SINCE=$((born + 1)) KPLB_SOCKET=", "elsewhere *:6443\n"},
		"a process that is gone by now": {"KPLB_LISTEN='*:6443' KPLB_SINCE=1 KPLB_SOCKET=; child=999999999", "elsewhere *:6443\n"},
		"the old socket":                {"KPLB_LISTEN='*:6443' KPLB_SINCE= KPLB_SOCKET=4711", "elsewhere *:6443\n"},
		"another socket":                {"KPLB_LISTEN='*:6443' KPLB_SINCE= KPLB_SOCKET=471", "done\n"},
		"on another address":            {"KPLB_LISTEN=10.1.1.1:6443 KPLB_SINCE= KPLB_SOCKET=", "elsewhere *:6443\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			same(t, "says", s.must(`
record() { echo "$*"; }
sleep 20 & child=$!
ss() { echo "LISTEN 0 4096 *:6443 *:* users:((\"kube-apiserver\",pid=$child,fd=5)) ino:4711 sk:1"; }
KPLB_PORT=6443 KPLB_SECONDS=1
`+file("process.sh")+`
born=$(started_at $child); sleeper=$child
trap 'kill $sleeper' EXIT
`+c.vars+`
`+file("await.sh")), c.want)
		})
	}
}

// TestRefusedManifestComesAgain: a kubelet that has not quite finished with the
// old pod refuses the new one. The manifest is renamed away and back, and a kubelet
// that sees it come again starts it.
func TestRefusedManifestComesAgain(t *testing.T) {
	t.Parallel()
	const refuses = `
until grep -q generation $manifest; do sleep 0.02; done
rm -f $R/listens
while kill -0 $child 2>/dev/null && ! grep -qs ') Z ' /proc/$child/stat; do sleep 0.02; done
rm -r $R/pods/pod-old
until ! grep -q generation $manifest; do sleep 0.02; done
came=$(stat -c %z $manifest)
until now=$(stat -c %z $manifest 2>/dev/null) && [ "$now" != "$came" ]; do sleep 0.02; done
mkdir $R/pods/pod-new
`
	const replace = `
replace() {
	replace_manifest $R/new 600 "$(cat $R/owner)" "$1" || return 1
	sleep 0.5
	[ -d $R/pods/pod-new ] && echo "the new pod has begun"
}
`
	for name, more := range map[string]string{
		"it comes back": "",
		"it cannot be renamed back, and is written anew": `mv() { [ "$1 $2" != "-T $R/aside" ] && command mv "$@"; }`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := apiserverNode(t, "while [ -e $R/listens ]; do sleep 0.05; done", refuses)
			same(t, "what has become of it", s.replaced("6443", replace+more), "the new pod has begun\nstatus 0\n  name: new\n")
		})
	}
}
