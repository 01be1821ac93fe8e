//go:build failover

package failover

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kplb/kplb/drill"
	"github.com/kplb/kplb/lab/machines"
)

// field is a lab, as seen from the operator's network: this process is in it.
type field struct {
	machines.Lab
	c       configuration
	holders *holders
	trust   *tls.Config
	inits   map[string]string // node -> the pid of its init, while it is on
}

func newField(lab machines.Lab, c configuration) (*field, error) {
	pem, err := os.ReadFile(lab.State("ca.crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	f := &field{Lab: lab, c: c, inits: map[string]string{}, trust: &tls.Config{RootCAs: pool, ServerName: vip, MinVersion: tls.VersionTLS12}}
	f.holders, err = watchHolders(lab)
	return f, err
}

// sampler asks the VIP as drills do.
func (f *field) sampler(every time.Duration) *drill.Sampler {
	return &drill.Sampler{Address: f.entrance(), Dial: (&net.Dialer{}).DialContext, TLS: f.trust, Every: every, Limit: time.Second}
}

func (f *field) entrance() string { return net.JoinHostPort(vip, f.c.port) }

// init is the pid of a node's init, looked up once for each boot.
func (f *field) init(n string) (string, error) {
	if pid := f.inits[n]; pid != "" {
		return pid, nil
	}
	pid, err := f.Init(n)
	if err == nil {
		f.inits[n] = pid
	}
	return pid, err
}

// on runs a command in a node, with no more delay than that takes.
func (f *field) on(n, command string) error {
	init, err := f.init(n)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if out, err := machines.Inside(ctx, init, command).CombinedOutput(); err != nil {
		return fmt.Errorf("node %s: %s: %w\n%s", n, command, err, out)
	}
	return nil
}

// pids are a node's processes of a program, by its name.
func (f *field) pids(n, program string) ([]int, error) {
	all, err := f.Processes(n)
	if err != nil {
		return nil, err
	}
	var out []int
	for _, p := range all {
		if filepath.Base(p.Args[0]) == program {
			out = append(out, p.PID)
		}
	}
	return out, nil
}

// family are the same, parents before their children.
func (f *field) family(n, program string) ([]int, error) {
	all, err := f.Processes(n)
	if err != nil {
		return nil, err
	}
	mine := slices.DeleteFunc(all, func(p machines.Process) bool { return filepath.Base(p.Args[0]) != program })
	for _, p := range mine {
		if !slices.ContainsFunc(mine, func(q machines.Process) bool { return q.PID == p.Parent }) {
			return machines.Family(mine, p.PID), nil
		}
	}
	return nil, fmt.Errorf("node %s: %s does not run", n, program)
}

// unwell says what is not as it should be; empty: all is well, and has been
// for a moment.
func (f *field) unwell() string {
	now, since := f.holders.now()
	switch {
	case len(now) != 1:
		return fmt.Sprintf("the VIP is on %v", now)
	case f.c.prefers != "" && now[0] != f.c.prefers:
		return fmt.Sprintf("the VIP is on %v, and not yet on %s", now, f.c.prefers)
	case time.Since(since) < settled:
		return fmt.Sprintf("the VIP has just come to %v", now)
	}
	for _, n := range machines.Nodes {
		up, err := f.servers(n)
		if err != nil {
			return fmt.Sprintf("node %s: haproxy: %v", n, err)
		}
		for _, m := range machines.Nodes {
			if up[m] != "UP" {
				return fmt.Sprintf("node %s: haproxy says that the apiserver of node %s is %q", n, m, up[m])
			}
		}
		if pids, err := f.pids(n, "keepalived"); err != nil || len(pids) < 2 {
			return fmt.Sprintf("node %s: keepalived has %d processes: %v", n, len(pids), err)
		}
	}
	return ""
}

// awaitWell waits until all is well.
func (f *field) awaitWell() error {
	var why error
	reloaded := false
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if !reloaded {
			why = f.reload()
			reloaded = why == nil
			continue
		}
		unwell := f.unwell()
		if unwell == "" {
			return nil
		}
		why = errors.New(unwell)
	}
	return fmt.Errorf("not well after %s: %w", patience, why)
}

// patience is how long a lab may take to come to rest.
const patience = 90 * time.Second
