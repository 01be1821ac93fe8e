//go:build linux

// Package machines drives a lab (see lab/help.txt) from Go: power, cables,
// commands inside the nodes and in the operator's namespace. It is for tests,
// and knows nothing of kplb.
package machines

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Lab is one lab of three nodes, called 1, 2 and 3.
type Lab struct {
	Name string
	Root string // of the source tree
}

// Nodes of every lab, as lab/lab calls them.
var Nodes = []string{"1", "2", "3"}

// patience bounds one call of lab/lab.
const patience = 10 * time.Minute

// Verb runs lab/lab VERB --name NAME ARGS.
func (l Lab) Verb(verb string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(l.Root, "lab/lab"), append([]string{verb, "--name", l.Name}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("lab %s %v: %w\n%s", verb, args, err, out)
	}
	return string(out), err
}

// State is a file of the lab's state directory.
func (l Lab) State(file string) string {
	dir := os.Getenv("KPLB_LAB_STATE")
	if dir == "" {
		dir = "/run/kplb-lab"
	}
	return filepath.Join(dir, l.Name, file)
}

// Operator is a command that runs where the operator is, as a process of its
// own: what is killed is the command.
func (l Lab) Operator(ctx context.Context, argv ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", l.Name + "-operator"}, argv...)...)
}

// Machine is the name of a node's network namespace.
func (l Lab) Machine(node string) string { return l.Name + "-kubernetes-node-" + node }

// On runs a shell command inside a node as root, without ssh.
func (l Lab) On(node, command string) (string, error) {
	init, err := l.Init(node)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := Inside(ctx, init, command).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("node %s: %s: %w\n%s", node, command, err, out)
	}
	return string(out), err
}

// Inside is a shell command inside the node that has this init, for who has
// looked that up before: it takes a while.
func Inside(ctx context.Context, init, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "nsenter", "--target", init, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--",
		"env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C", "sh", "-c", command)
	cmd.WaitDelay = time.Second // what it leaves in the background may hold its output open
	return cmd
}

// Holders are the nodes that have the address now. A node without power has
// none.
func (l Lab) Holders(address string) []string {
	var out []string
	for _, n := range Nodes {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		shown, _ := exec.CommandContext(ctx, "ip", "-n", l.Machine(n), "-o", "address", "show", "to", address).Output()
		cancel()
		if strings.Contains(string(shown), address+"/") {
			out = append(out, n)
		}
	}
	return out
}

// Put copies a file of this machine into a node, in one step: what runs it
// there is not disturbed.
func (l Lab) Put(node, from, to string, mode os.FileMode) error {
	init, err := l.Init(node)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	target := filepath.Join("/proc", init, "root", to)
	if err := os.WriteFile(target+".new", data, mode); err != nil { //nolint:gosec // a test says where
		return err
	}
	if err := os.Chmod(target+".new", mode); err != nil {
		return err
	}
	return os.Rename(target+".new", target)
}
