//go:build failover

package failover

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

// alternately is the holder every other time, and the node after it.
func alternately(r *run) string {
	if r.k%2 == 0 {
		return next(r.holder)
	}
	return r.holder
}

func next(n string) string { return machines.Nodes[atoi(n)%len(machines.Nodes)] }

func atoi(s string) int {
	n, _ := strconv.Atoi(s) // they are numbers
	return n
}

// noticed says that the holder's HAProxy knows that the apiserver is down, and
// that the connection to it has been closed, or will not be.
func noticed(r *run) bool {
	up, err := r.servers(r.holder)
	if err != nil || !strings.HasPrefix(up[r.victim], "DOWN") {
		return false
	}
	if r.known.IsZero() {
		r.known = time.Now()
	}
	for _, w := range r.held {
		if _, closed := w.ended(); w.node == r.victim && !closed {
			return time.Since(r.known) > stays
		}
	}
	return true
}

// stays is how long a connection is waited for, whose apiserver is known to be
// down.
const stays = 2 * time.Second

func killApiserver(r *run) error {
	pids, err := r.field.pids(r.victim, "kube-apiserver")
	if err != nil || len(pids) == 0 {
		return errors.Join(err, fmt.Errorf("node %s has no apiserver", r.victim))
	}
	r.struck = time.Now()
	return syscall.Kill(pids[0], syscall.SIGKILL)
}

func startApiserver(r *run) error { return start("kube-apiserver-standin")(r) }

// cutApiserver drops what comes for it, from everywhere.
func cutApiserver(r *run) error {
	if _, err := r.init(r.victim); err != nil {
		return err
	}
	r.struck = time.Now()
	return r.on(r.victim, "nft 'add table inet failover; add chain inet failover in { type filter hook input priority -300; }; "+
		"add rule inet failover in ip daddr 10.1.1."+r.victim+" tcp dport 6443 drop'")
}

func joinApiserver(r *run) error { return r.on(r.victim, "nft delete table inet failover") }

func startApiservers(r *run) error {
	var err error
	for _, n := range machines.Nodes {
		err = errors.Join(err, r.on(n, "systemctl reset-failed kube-apiserver-standin; systemctl start kube-apiserver-standin"))
	}
	return err
}

// asked is how many connections are tried while there is no apiserver.
const asked = 200

// refusals kills every apiserver, waits until the holder's HAProxy knows, and
// times new connections: from the first packet to the refusal.
func refusals(r *run) error {
	r.struck = time.Now()
	for _, n := range machines.Nodes {
		pids, err := r.field.pids(n, "kube-apiserver")
		if err != nil || len(pids) == 0 {
			return errors.Join(err, fmt.Errorf("node %s has no apiserver", n))
		}
		if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
			return err
		}
	}
	for down := 0; down < len(machines.Nodes); time.Sleep(20 * time.Millisecond) {
		if time.Since(r.struck) > patience {
			return fmt.Errorf("HAProxy of node %s does not know after %s that every apiserver is down", r.holder, patience)
		}
		down = 0
		up, _ := r.servers(r.holder) // the next look will do
		for _, status := range up {
			if strings.HasPrefix(status, "DOWN") {
				down++
			}
		}
	}
	r.Known = time.Since(r.struck).Milliseconds()
	for range asked {
		took, err := r.refused()
		switch {
		case err == nil:
			return errors.New("somebody answers though every apiserver is killed")
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
			r.Hung++
		default:
			r.Refused = append(r.Refused, float64(took.Microseconds())/1000)
		}
		time.Sleep(2 * time.Millisecond)
	}
	return r.mended()
}

// refused makes one connection.
func (r *run) refused() (time.Duration, error) {
	began := time.Now()
	plain, err := net.DialTimeout("tcp", r.entrance(), time.Second)
	if err != nil {
		return time.Since(began), err
	}
	defer plain.Close() //nolint:errcheck // it is of no use
	_ = plain.SetDeadline(began.Add(time.Second))
	err = tls.Client(plain, r.trust).Handshake()
	return time.Since(began), err
}
