package render

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kplb/kplb/inventory"
)

// balancer is a genuine HAProxy with a rendered file. On nodes all have one
// VIP, each in its own kernel; here each has an address of its own for it.
type balancer struct {
	t       *testing.T
	vip     netip.Addr
	program string
	config  string
	socket  string
	process *exec.Cmd
	said    bytes.Buffer // to be read when it has ended
}

// newBalancer has the file of one node, but for what only a node has.
func newBalancer(t *testing.T, c inventory.Cluster, n inventory.Node, vip netip.Addr) *balancer {
	t.Helper()
	b := &balancer{t: t, vip: vip, program: daemon(t, "haproxy"), socket: filepath.Join(t.TempDir(), "admin.sock")}
	c.VIP, c.VIPs = vip, []netip.Addr{vip}
	c.HAProxy.MonitorPort = freePort(t, netip.MustParseAddr("127.0.0.1"))
	facts := DefaultFacts(n)
	said, err := run(t, b.program, "-v")
	if err != nil {
		t.Fatal(said, err)
	}
	if facts.HAProxy, err = ParseVersion(said); err != nil {
		t.Fatal(err)
	}
	artifacts, err := builtin(t).Node(&c, n, facts)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range artifacts {
		if a.Path != HAProxyPath {
			continue
		}
		content := replaceAll(t, a.Content, "/etc/kubernetes/pki/ca.crt", writeCA(t))
		content = replaceAll(t, content, "/run/haproxy/admin.sock", b.socket)
		content = replaceAll(t, content, "    chroot /var/lib/haproxy\n    user haproxy\n    group haproxy\n", "")
		b.config = writeTemp(t, "haproxy.cfg", content)
	}
	b.start()
	return b
}

func (b *balancer) start() {
	b.t.Helper()
	b.process = exec.CommandContext(b.t.Context(), b.program, "-db", "-f", b.config)
	b.process.Stderr = &b.said
	if err := b.process.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(b.kill)
	b.await("its socket", func() bool { return b.tell("show info") != "" })
}

func (b *balancer) kill() {
	_ = b.process.Process.Kill()
	_ = b.process.Wait() // it was killed
	if b.t.Failed() {
		b.t.Logf("haproxy of %s: %s", b.vip, b.said.String())
	}
}

// await waits for something that HAProxy does by itself.
func (b *balancer) await(what string, done func() bool) {
	b.t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("no %s after 30 s", what)
		}
	}
}

// tell gives HAProxy a command; empty: it does not answer.
func (b *balancer) tell(command string) string {
	conn, err := (&net.Dialer{}).DialContext(b.t.Context(), "unix", b.socket)
	if err != nil {
		return ""
	}
	defer conn.Close() //nolint:errcheck // it has been read
	_, _ = fmt.Fprintln(conn, command)
	answer, _ := io.ReadAll(conn)
	return string(answer)
}

// clients are those that the stick table of a service has.
func (b *balancer) clients(service string) int {
	return strings.Count(b.tell("show table service-"+service), " key=")
}

// call connects to a service from an address, and returns what it was told:
// the name of a server, or nothing.
func (b *balancer) call(port uint16, from netip.Addr) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Second)
	defer cancel()
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	conn, err := d.DialContext(ctx, "tcp", netip.AddrPortFrom(b.vip, port).String())
	if errors.Is(err, syscall.ECONNRESET) {
		return ""
	}
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // it has been read
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	said, _ := io.ReadAll(conn) // a reset is an answer, too
	return string(said)
}

func freePort(t *testing.T, at netip.Addr) uint16 {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", netip.AddrPortFrom(at, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // somebody else takes it now
	_, port, _ := net.SplitHostPort(l.Addr().String())
	n, _ := strconv.ParseUint(port, 10, 16)
	return uint16(n)
}
