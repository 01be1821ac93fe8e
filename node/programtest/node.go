package programtest

import (
	"embed"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/remote/remotetest"
)

var (
	//go:embed step.sh
	stepFunction []byte
	//go:embed commands.sh
	commandFunctions []byte
	//go:embed standin
	standins embed.FS
)

// Node is a machine with systemd, HAProxy and keepalived, on which nothing was
// done yet: HAProxy runs with the file of its package, keepalived does not run.
// Its methods fail the test where they cannot do what they say. They may not be
// called at once, but for those of its connections.
type Node struct {
	harness
	pid    int // of the first process in its namespaces
	server *remotetest.Server
	host   *remote.Host
}

// Shells are those of shells that nodes have as /bin/sh and that are on this
// machine: dash, busybox.
func Shells() []string {
	var out []string
	for _, name := range []string{"dash", "busybox"} {
		if _, err := exec.LookPath(name); err == nil {
			out = append(out, name)
		}
	}
	return out
}

// EachShell runs a test with each of the Shells.
func EachShell(t *testing.T, test func(t *testing.T, shell string)) {
	t.Helper()
	shells := Shells()
	if len(shells) == 0 {
		unavailable(t, "there is neither dash nor busybox")
	}
	for _, shell := range shells {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			test(t, shell)
		})
	}
}

// unavailable skips the test; `make test` as root wants everything to be there.
func unavailable(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("KPLB_REQUIRE_CHECKERS") != "" {
		t.Fatalf("KPLB_REQUIRE_CHECKERS is set, but %s", why)
	}
	t.Skip(why)
}

// New boots a node whose /bin/sh is the named program of this machine. It skips
// the test where the kernel does not let us have namespaces of our own.
func New(t testing.TB, shell string) *Node {
	t.Helper()
	path, err := exec.LookPath(shell)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		unavailable(t, err.Error())
	}
	n := &Node{harness: harness{disk{t: t}}}
	n.start(path)
	n.furnish()
	n.connect()
	return n
}

// HasOwners says whether files can belong to others than root.
func (n *Node) HasOwners() bool { return os.Getuid() == 0 }

// furnish writes what a node has before kplb comes.
func (n *Node) furnish() {
	n.t.Helper()
	err := fs.WalkDir(standins, "standin", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := standins.ReadFile(path)
		if path == "standin/lib" {
			n.Write("/usr/local/lib/standin", string(content), 0o644)
		} else {
			n.Write("/usr/local/sbin/"+filepath.Base(path), string(content), 0o755)
		}
		return err
	})
	if err != nil {
		n.t.Fatal(err)
	}
	n.Write("/harness/step.sh", string(stepFunction), 0o644)
	n.Write("/harness/commands.sh", string(commandFunctions), 0o644)
	n.Write("/harness/run", ". /harness/commands.sh\nharness_file=$1\nshift\n. \"$harness_file\"\n", 0o644)
	n.Write("/harness/strike", "0 nothing\n", 0o644)

	n.Write("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n", 0o644)
	n.Write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n", 0o644)
	n.Write("/etc/group", "root:x:0:\n", 0o644)
	n.Write("/proc/uptime", "100.00 100.00\n", 0o644)
	n.Write("/node/pid", "100\n", 0o644)
	for _, unit := range []string{"haproxy", "keepalived", "kubelet", "ssh"} {
		n.Write("/node/vendor/"+unit+".service", "[Unit]\nDescription="+unit+"\n", 0o644)
	}
	n.resetKernel()
	n.Write("/etc/haproxy/haproxy.cfg", "# Debian's own\nglobal\n\tdaemon\n", 0o644)
	for _, dir := range []string{wants, "/etc/sysctl.d", "/etc/keepalived", "/node/loaded"} {
		n.check(n.files.MkdirAll(rel(dir), 0o755))
	}
	n.put(wants+"haproxy.service", Entry{Mode: fs.ModeSymlink, Content: "/node/vendor/haproxy.service"})
	n.Must("systemctl start haproxy")
	n.forgetTold()
}

// resetKernel gives the settings of the kernel the values that they have at boot.
func (n *Node) resetKernel() {
	n.Write("/proc/sys/net/ipv4/ip_nonlocal_bind", "0\n", 0o644)
	n.Write("/proc/sys/net/ipv4/ip_forward", "0\n", 0o644)
	n.Write("/proc/sys/net/ipv6/ip_nonlocal_bind", "0\n", 0o644)
}
