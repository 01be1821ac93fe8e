//go:build failover

package failover

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

// starting is which process of a unit runs, and the how manieth.
type starting struct {
	pid      string
	restarts int
}

// starts are those of both daemons on every node.
func (f *field) starts() (map[string]starting, error) {
	out := map[string]starting{}
	for _, n := range machines.Nodes {
		for _, unit := range []string{"haproxy", "keepalived"} {
			said, err := f.On(n, "systemctl show --value -p MainPID "+unit+"; systemctl show --value -p NRestarts "+unit)
			if err != nil {
				return nil, err
			}
			words := strings.Fields(said)
			if len(words) != 2 {
				return nil, fmt.Errorf("node %s: %s: systemctl says %q", n, unit, said)
			}
			out[n+" "+unit] = starting{words[0], atoi(words[1])}
		}
	}
	return out, nil
}

// work keeps the nodes busy. Each of it ends by itself after a time, whatever
// becomes of this program.
func (f *field) work(ends time.Duration) error {
	begin := func(i int, what string) error {
		_, err := f.On(machines.Nodes[i%len(machines.Nodes)], fmt.Sprintf(
			"systemd-run --quiet --collect --unit=failover-busy-%d --property=RuntimeMaxSec=%.0f /bin/sh -c '%s'", i, ends.Seconds(), what))
		return err
	}
	for i := range loops() {
		if err := begin(i, "while :; do :; done"); err != nil {
			return err
		}
	}
	for i := range writers() { // not on the overlay, which does not sync
		if err := begin(loops()+i, "while dd if=/dev/zero of=/var/lib/etcd/failover-busy bs=8k count=1000 oflag=dsync 2>/dev/null; do :; done"); err != nil {
			return err
		}
	}
	return nil
}

// rest ends that.
func (f *field) rest(t *testing.T) {
	for _, n := range machines.Nodes {
		if _, err := f.On(n, "systemctl stop 'failover-busy-*'; rm -f /var/lib/etcd/failover-busy"); err != nil {
			t.Error(err)
		}
	}
}
