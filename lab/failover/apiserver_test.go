//go:build failover

package failover

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
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

// hold has a connection to each apiserver, through the VIP.
func hold(r *run) error {
	have := map[string]bool{}
	for try := 0; len(have) < len(machines.Nodes); try++ {
		if try == 1000 { // a server that has just come back gets few at first
			return fmt.Errorf("held connections reach only %v", have)
		}
		w, err := r.watchThrough()
		if err != nil {
			return err
		}
		if have[w.node] {
			w.close()
			continue
		}
		have[w.node] = true
		r.held = append(r.held, w)
		go w.read()
	}
	return nil
}

// watch is a held connection that only listens, as clients' watches do.
type watch struct {
	node   string // whose apiserver is at the other end
	conn   *tls.Conn
	reader *bufio.Reader

	mu     sync.Mutex
	closed time.Time
}

func (f *field) watchThrough() (*watch, error) {
	plain, err := net.DialTimeout("tcp", f.entrance(), time.Second)
	if err != nil {
		return nil, err
	}
	w := &watch{conn: tls.Client(plain, f.trust)}
	w.reader = bufio.NewReader(w.conn)
	_ = plain.SetDeadline(time.Now().Add(time.Second))
	if _, err := fmt.Fprintf(w.conn, "GET /api/v1/nodes?watch=true HTTP/1.1\r\nHost: %s\r\n\r\n", f.entrance()); err != nil {
		w.close()
		return nil, err
	}
	response, err := http.ReadResponse(w.reader, nil) //nolint:bodyclose // it is what is held
	if err != nil {
		w.close()
		return nil, err
	}
	_ = plain.SetDeadline(time.Time{})
	_, w.node, _ = strings.Cut(response.Header.Get("X-Standin-Node"), "10.1.1.")
	return w, nil
}

func (w *watch) close() { _ = w.conn.NetConn().Close() }

// read waits for the end.
func (w *watch) read() {
	_, _ = w.reader.Discard(1 << 30) // nothing is ever said
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = time.Now()
}

func (w *watch) ended() (time.Time, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed, !w.closed.IsZero()
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
	err = tls.Client(plain, r.trust).Handshake() //nolint:noctx // it has a deadline
	return time.Since(began), err
}
