package programtest

import (
	"bufio"
	_ "embed"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

//go:embed root.sh
var rootProgram string

// start makes the namespaces. They end with their first process, which ends with
// its standard input.
func (n *Node) start(shell string) {
	n.t.Helper()
	needed := "0"
	if os.Getuid() == 0 {
		needed = "1"
	}
	cmd := exec.CommandContext(n.t.Context(), "/bin/sh", "-c", rootProgram, "sh", n.t.TempDir(), shell, needed)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET,
		UidMappings: identities(os.Getuid()), GidMappings: identities(os.Getgid()),
	}
	var said strings.Builder
	cmd.Stderr = &said
	stdin, errIn := cmd.StdinPipe()
	stdout, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut); err != nil {
		n.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		unavailable(n.t, "the kernel gives no user, mount, process and network namespaces: "+err.Error())
	}
	n.t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait() // killed, where the test's context has ended first
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "ready\n" {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if os.Getuid() == 0 {
			n.t.Fatalf("no root file system for the node: %s", said.String())
		}
		unavailable(n.t, "the kernel lets nobody but root mount in namespaces: "+said.String())
	}
	n.pid = cmd.Process.Pid
	var err error
	if n.files, err = os.OpenRoot("/proc/" + strconv.Itoa(n.pid) + "/root"); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = n.files.Close() })
}

// identities maps the user, or group, to root. Root has others to give away.
func identities(id int) []syscall.SysProcIDMap {
	if os.Getuid() == 0 {
		return []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1 << 16}}
	}
	return []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
}
