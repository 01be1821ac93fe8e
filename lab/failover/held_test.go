//go:build failover

package failover

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

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
