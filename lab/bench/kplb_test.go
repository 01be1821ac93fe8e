//go:build bench

package bench

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The rows of kplb.
const (
	rowNothing = "kplb apply, nothing to do, proof included"
	rowChange  = "kplb apply, 5 files on each of 3 nodes, proof and confirm"
)

// measured is one run of a program.
type measured struct {
	wall, cpu time.Duration
	memory    int64 // KiB at its most
	said      string
}

// run runs a program that must work.
func (b *bench) run(cmd *exec.Cmd) measured {
	b.t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	err := cmd.Run()
	m := measured{wall: time.Since(began), said: out.String()}
	if err != nil {
		b.t.Fatalf("%v: %v\n%s", cmd.Args, err, m.said)
	}
	m.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		m.memory = usage.Maxrss
	}
	return m
}

// kplbCommand is an apply of the lab's inventory with a directory of templates.
func (b *bench) kplbCommand(sshConfig, templates string) *exec.Cmd {
	if sshConfig == "" {
		sshConfig = b.State("ssh_config")
	}
	cmd := exec.CommandContext(b.t.Context(), b.kplb, "apply", "--yes", "--inventory", filepath.Join(b.Root, "examples/lab.yaml"), "--templates", templates)
	cmd.Env = append(os.Environ(), "KPLB_SSH_CONFIG="+sshConfig, "HOME="+b.dir)
	return cmd
}

func (b *bench) apply(sshConfig, templates string) measured {
	b.t.Helper()
	return b.run(b.kplbCommand(sshConfig, templates))
}

// nothing is an apply that finds everything as it should be.
func (b *bench) nothing() {
	m := b.apply("", b.old)
	if !strings.Contains(m.said, "nothing to do") {
		b.t.Fatalf("there was something to do:\n%s", m.said)
	}
	b.table.add(rowNothing, m.wall)
	b.cpu = append(b.cpu, m.cpu)
	b.memory = max(b.memory, m.memory)
}

// change brings the nodes back from the young files to the old ones.
func (b *bench) change() {
	m := b.apply("", b.old)
	if strings.Contains(m.said, "nothing to do") {
		b.t.Fatalf("there was nothing to do:\n%s", m.said)
	}
	b.table.add(rowChange, m.wall)
}

// changing are the templates of the five files that differ: a line more. A
// drop-in of systemd's would restart a daemon, and is left as it is.
var changing = []string{"sysctl.conf.tmpl", "kube-apiserver-patch.yaml.tmpl", "haproxy.cfg.tmpl", "kplb-check.tmpl", "keepalived.conf.tmpl"}

// templates makes a directory of them.
func (b *bench) templates(mark string) string {
	dir := filepath.Join(b.dir, mark)
	if err := os.Mkdir(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	for _, name := range changing {
		text, err := os.ReadFile(filepath.Join(b.Root, "templates", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), append(text, "# "+mark+"\n"...), 0o644)
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
	return dir
}
