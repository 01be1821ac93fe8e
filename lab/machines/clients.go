//go:build linux

package machines

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Clients use an address of the cluster from the operator's network, or from a
// node's: some make one new connection after the other, others keep theirs.
type Clients struct {
	Made, Failed, Broken atomic.Int64 // new connections, those that failed, held ones that broke
	First                atomic.Value // the first error, for people

	enter   func() error // the network that they are in
	at      string       // host:port
	trust   *tls.Config
	end     chan struct{}
	workers sync.WaitGroup
}

// Load starts clients of an address, host:port; Stop ends them.
func (l Lab) Load(at string, callers, held int) (*Clients, error) {
	host, _, err := net.SplitHostPort(at)
	if err != nil {
		return nil, err
	}
	return l.load(l.Enter, at, host, callers, held)
}

// LoadOn is Load from inside a node, for an address whose certificate has
// another name.
func (l Lab) LoadOn(node, at, name string, callers, held int) (*Clients, error) {
	return l.load(func() error { return enter(l.Machine(node)) }, at, name, callers, held)
}

func (l Lab) load(enter func() error, at, name string, callers, held int) (*Clients, error) {
	pem, err := os.ReadFile(l.State("ca.crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	c := &Clients{enter: enter, at: at, end: make(chan struct{}), trust: &tls.Config{RootCAs: pool, ServerName: name, MinVersion: tls.VersionTLS12}}
	for range callers {
		c.workers.Go(func() { c.inside(c.call) })
	}
	ready := make(chan struct{}, held)
	for range held {
		c.workers.Go(func() { c.inside(func() { c.hold(ready) }) })
	}
	for range held {
		<-ready
	}
	return c, nil
}

// Stop ends all of them, and waits.
func (c *Clients) Stop() {
	close(c.end)
	c.workers.Wait()
}

// inside does something in the clients' namespace.
func (c *Clients) inside(do func()) {
	if err := c.enter(); err != nil {
		c.fail(&c.Failed, err)
		return
	}
	do()
}

func (c *Clients) fail(counter *atomic.Int64, err error) {
	counter.Add(1)
	c.First.CompareAndSwap(nil, err.Error())
}

func (c *Clients) over() bool {
	select {
	case <-c.end:
		return true
	default:
		return false
	}
}

// call makes new connections, one after the other.
func (c *Clients) call() {
	for !c.over() {
		conn, err := c.dial()
		if err == nil {
			err = ask(conn, bufio.NewReader(conn))
			_ = conn.Close() // it has answered
		}
		c.Made.Add(1)
		if err != nil {
			c.fail(&c.Failed, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (c *Clients) dial() (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.at)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	client := tls.Client(conn, c.trust)
	if err := client.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return client, nil
}

// ask wants 200 and "ok", and leaves the connection open. etcd is left out of
// it: where that hesitates, all apiservers say no, and the way to them is well.
func ask(conn net.Conn, r *bufio.Reader) error {
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, "GET /healthz?exclude=etcd HTTP/1.1\r\nHost: kubernetes\r\n\r\n"); err != nil {
		return err
	}
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // it has been read
	body, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || strings.TrimSpace(string(body)) != "ok") {
		err = fmt.Errorf("answers %d %.500q", response.StatusCode, body)
	}
	return err
}

// hold keeps one connection for the whole time and uses it now and then.
func (c *Clients) hold(ready chan<- struct{}) {
	conn, err := c.dial()
	ready <- struct{}{}
	if err != nil {
		c.fail(&c.Broken, err)
		return
	}
	defer conn.Close() //nolint:errcheck // it has answered
	r := bufio.NewReader(conn)
	for !c.over() {
		if err := ask(conn, r); err != nil {
			c.fail(&c.Broken, errors.Join(errors.New("a held connection"), err))
			return
		}
		time.Sleep(2 * time.Second)
	}
}

// Await waits until there were so many new connections, for a minute at most.
func (c *Clients) Await(n int64) {
	for end := time.Now().Add(time.Minute); c.Made.Load() < n && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
}
