//go:build load

// Package load changes haproxy.cfg again and again while clients use the VIP:
// none of them may notice.
package load

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
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

const (
	applies = 100
	callers = 6   // goroutines that make new connections
	wanted  = 200 // new connections for each apply, at least
	held    = 100 // connections that stay for the whole time
	vip     = "10.1.233.1:6443"
)

// TestApplyUnderLoad applies another haproxy.cfg 100 times.
func TestApplyUnderLoad(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	lab := machines.Lab{Name: "load", Root: root}
	verb(t, lab, "down")
	t.Cleanup(func() { verb(t, lab, "down") })
	verb(t, lab, "up")
	inventories := []string{inventory(t, root, 4096), inventory(t, root, 5000)}
	apply(t, lab, inventories[1])
	holder := lab.Holders("10.1.233.1")

	c := newClients(t, lab)
	c.start()
	started := time.Now()
	for i := range applies {
		c.awaitConnections(int64(i) * wanted)
		apply(t, lab, inventories[i%2])
		if now := lab.Holders("10.1.233.1"); len(now) != 1 || now[0] != holder[0] {
			t.Errorf("apply %d: the VIP was on %v and is on %v", i+1, holder, now)
		}
	}
	c.awaitConnections(applies * wanted)
	c.stop()

	t.Logf("| applies that changed haproxy.cfg | new connections | failed | held connections | broken | moves of the VIP | seconds |")
	t.Logf("| %d | %d | %d | %d | %d | 0 | %.0f |", applies, c.made.Load(), c.failed.Load(), held, c.broken.Load(), time.Since(started).Seconds())
	if c.failed.Load() > 0 || c.broken.Load() > 0 {
		t.Errorf("%d of %d new connections failed, %d of %d held ones broke; the first: %v", c.failed.Load(), c.made.Load(), c.broken.Load(), held, c.first.Load())
	}
}

func verb(t *testing.T, lab machines.Lab, name string, args ...string) {
	t.Helper()
	if out, err := lab.Verb(name, args...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// inventory is examples/lab.yaml with another maxConn.
func inventory(t *testing.T, root string, maxConn int) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "examples/lab.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "inventory.yaml")
	if err := os.WriteFile(file, fmt.Appendf(text, "haproxy: {maxConn: %d}\n", maxConn), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func apply(t *testing.T, lab machines.Lab, inventory string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := lab.Operator(ctx, filepath.Join(lab.Root, "bin/kplb"), "apply", "--yes", "--inventory", inventory)
	cmd.Env = append(os.Environ(), "KPLB_SSH_CONFIG="+lab.State("ssh_config"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("kplb apply: %v\n%s", err, out)
	}
}

// clients use the VIP from the operator's network.
type clients struct {
	lab     machines.Lab
	trust   *tls.Config
	end     chan struct{}
	workers sync.WaitGroup
	made    atomic.Int64
	failed  atomic.Int64
	broken  atomic.Int64
	first   atomic.Value // the first error, for people
}

func newClients(t *testing.T, lab machines.Lab) *clients {
	t.Helper()
	pem, err := os.ReadFile(lab.State("ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &clients{lab: lab, end: make(chan struct{}), trust: &tls.Config{RootCAs: pool, ServerName: "10.1.233.1", MinVersion: tls.VersionTLS12}}
}

func (c *clients) start() {
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
}

func (c *clients) stop() {
	close(c.end)
	c.workers.Wait()
}

// inside does something in the operator's namespace.
func (c *clients) inside(do func()) {
	if err := c.lab.Enter(); err != nil {
		c.fail(&c.failed, err)
		return
	}
	do()
}

func (c *clients) fail(counter *atomic.Int64, err error) {
	counter.Add(1)
	c.first.CompareAndSwap(nil, err.Error())
}

func (c *clients) over() bool {
	select {
	case <-c.end:
		return true
	default:
		return false
	}
}

// call makes new connections, one after the other.
func (c *clients) call() {
	for !c.over() {
		conn, err := c.dial()
		if err == nil {
			err = ask(conn, bufio.NewReader(conn))
			_ = conn.Close() // it has answered
		}
		c.made.Add(1)
		if err != nil {
			c.fail(&c.failed, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (c *clients) dial() (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", vip, 10*time.Second)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	client := tls.Client(conn, c.trust)
	if err := client.Handshake(); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return client, nil
}

// ask wants 200 and "ok", and leaves the connection open.
func ask(conn net.Conn, r *bufio.Reader) error {
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: kubernetes\r\n\r\n"); err != nil {
		return err
	}
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // it has been read
	body, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || strings.TrimSpace(string(body)) != "ok") {
		err = fmt.Errorf("answers %d %.20q", response.StatusCode, body)
	}
	return err
}

// hold keeps one connection for the whole time and uses it now and then.
func (c *clients) hold(ready chan<- struct{}) {
	conn, err := c.dial()
	ready <- struct{}{}
	if err != nil {
		c.fail(&c.broken, err)
		return
	}
	defer conn.Close() //nolint:errcheck // it has answered
	r := bufio.NewReader(conn)
	for !c.over() {
		if err := ask(conn, r); err != nil {
			c.fail(&c.broken, errors.Join(errors.New("a held connection"), err))
			return
		}
		time.Sleep(2 * time.Second)
	}
}

func (c *clients) awaitConnections(n int64) {
	for end := time.Now().Add(time.Minute); c.made.Load() < n && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
}
