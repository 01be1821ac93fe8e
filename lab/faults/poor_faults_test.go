//go:build faults

package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// shortage is what a node's sshd, and all that comes in through it, is short
// of. Control groups are those of version 1, where this machine has them.
type shortage struct{ controller, file, value, what string }

var shortages = []shortage{
	{"cpu", "cpu.cfs_quota_us", "5000", "5 % of a processor"},
	{"memory", "memory.limit_in_bytes", "67108864", "64 MiB of memory"},
	{"memory", "memory.limit_in_bytes", "16777216", "16 MiB of memory"},
	{"pids", "pids.max", "", "few processes"},
	{"nofile", "", "64", "64 open files"},
}

func poorFaults() []fault {
	return []fault{{
		id: "C6", name: "a node's sessions have 5 % of a processor, 64 or 16 MiB, 64 open files, or few processes",
		count: 15, fast: 2, inject: poorNode,
	}}
}

// poorNode applies to a node that is short of something: slower, and the same
// outcome, or a clean refusal.
func poorNode(t *trial) {
	node, s := nodeNumber(t.k), shortages[t.k%len(shortages)]
	if s.value == "" { // swept: from none at all to enough
		s.value = strconv.Itoa(2 + 3*(t.k/len(shortages)) + t.rng.IntN(3))
		s.what = s.value + " processes"
	}
	if err := t.starve(node, s); err != nil {
		t.problem("the fault was not injected: %v", err)
		return
	}
	o := t.apply("--connect-timeout", "20s")
	if s.controller == "nofile" {
		t.limited(o, node, s.value)
	}
	o.wait(patience)
	t.op = o
	t.notef("node %s: %s, kplb ended with %d after %.1f s", node, s.what, o.code, o.ended.Sub(o.began).Seconds())
	t.wants(0, 3, 4)
	if o.code == 4 { // the node takes it back by itself, poor or not
		time.Sleep(window + outlast)
	}
}

// starve puts a node's sshd under the limit; sessions that begin then inherit
// it.
func (t *trial) starve(node string, s shortage) error {
	all, err := t.Processes(node)
	if err != nil {
		return err
	}
	sshd := ""
	for _, p := range all {
		if strings.HasPrefix(p.Args[0], "sshd: /usr/sbin/sshd ") {
			sshd = strconv.Itoa(p.PID)
		}
	}
	if s.controller == "nofile" {
		t.later(func() { t.on(node, "systemctl restart ssh") })
		return exec.Command("prlimit", "--pid", sshd, "--nofile="+s.value).Run()
	}
	parent, err := groupOf(sshd, s.controller)
	if err != nil {
		return err
	}
	group := filepath.Join(parent, "fault")
	if err := os.Mkdir(group, 0o755); err != nil {
		return err
	}
	t.later(func() { t.releaseGroup(node, parent, group) })
	if err := os.WriteFile(filepath.Join(group, s.file), []byte(s.value), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(sshd), 0o600)
}

// limited looks whether a step really has the limit: PAM could have given it
// another one.
func (t *trial) limited(o *operator, node, value string) {
	for o.running() {
		if _, pid := t.stepOf(node); pid > 0 {
			text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "limits"))
			_, rest, _ := strings.Cut(string(text), "Max open files")
			if fields := strings.Fields(rest); err == nil && len(fields) > 0 {
				if fields[0] != value {
					t.problem("the fault was not injected: a step may open %s files", fields[0])
				}
				return
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.problem("the fault was not injected: no step was seen")
}

// groupOf is a process's control group of one controller.
func groupOf(pid, controller string) (string, error) {
	text, err := os.ReadFile(filepath.Join("/proc", pid, "cgroup"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) == 3 && fields[1] == controller {
			return filepath.Join("/sys/fs/cgroup", controller, fields[2]), nil
		}
	}
	return "", fmt.Errorf("controller %s has no hierarchy of its own", controller)
}

// releaseGroup lets everything out again.
func (t *trial) releaseGroup(node, parent, group string) {
	for range 100 {
		text, _ := os.ReadFile(filepath.Join(group, "cgroup.procs"))
		for pid := range strings.FieldsSeq(string(text)) {
			_ = os.WriteFile(filepath.Join(parent, "cgroup.procs"), []byte(pid), 0o600) // it may have ended
		}
		if os.Remove(group) == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.on(node, "systemctl is-active -q ssh || systemctl restart ssh")
}
