//go:build bench

package bench

import (
	"context"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/kplb/kplb/lab/machines"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

const (
	rowLibrary = "3 parallel connect-and-exec, same bytes, package remote"
	rowSSH     = "3 parallel ssh (OpenSSH), same bytes"
)

// wanted are the files that kplb asks for, as far as a node has them.
func (b *bench) wanted() string {
	b.t.Helper()
	all := append(render.Paths(), "/etc/kubernetes/manifests/kube-apiserver.yaml", "/etc/kubernetes/pki/ca.crt",
		"/var/lib/kplb/active", "/var/lib/kplb/current")
	script := "for f in " + strings.Join(all, " ") + "; do [ ! -e $f ] || echo $f; done"
	there, err := exec.CommandContext(b.t.Context(), "ssh", "-F", b.State("ssh_config"), nodeName("1"), "sudo sh -c '"+script+"'").Output()
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(there)), " ")
}

func nodeName(node string) string { return "kubernetes-node-" + node }

// atOnce does the same for every node and adds the time of the slowest.
func (b *bench) atOnce(row string, do func(node string) error) {
	b.t.Helper()
	var wg sync.WaitGroup
	began := time.Now()
	for _, n := range machines.Nodes {
		wg.Go(func() {
			if err := do(n); err != nil {
				b.t.Errorf("%s: node %s: %v", row, n, err)
			}
		})
	}
	wg.Wait()
	b.table.add(row, time.Since(began))
}

// options are what kplb itself gives package remote in this lab.
func (b *bench) options() remote.Options {
	return remote.Options{SSHConfig: true, SSHConfigFile: b.State("ssh_config")}
}

// library is the least that any program with this library needs: no
// inspection, no plan, no proof, and no process that starts.
func (b *bench) library() {
	b.atOnce(rowLibrary, func(node string) error {
		h, err := remote.Dial(b.t.Context(), remote.Target{Name: node, Host: nodeName(node), User: "pi"}, b.options())
		if err != nil {
			return err
		}
		defer h.Close() //nolint:errcheck // the script has answered
		return h.Run(b.t.Context(), remote.Script{Name: "cat", Body: "cat " + b.files + " | record_data files", Limit: time.Minute}, nil)
	})
}

// openssh does it with Debian's ssh.
func (b *bench) openssh() {
	b.atOnce(rowSSH, func(node string) error {
		ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
		defer cancel()
		return exec.CommandContext(ctx, "ssh", "-F", b.State("ssh_config"), nodeName(node), "sudo cat "+b.files).Run()
	})
}
