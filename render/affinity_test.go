package render

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"

	"github.com/kplb/kplb/inventory"
)

const serviceHome = `apiVersion: kplb/v1alpha1
kind: Cluster
name: home
vip: 10.1.233.1
nodes:
  - {name: node-1, address: 10.1.1.1}
  - {name: node-2, address: 10.1.1.2}
workers:
  - {name: node-3, address: 10.1.1.3}
ssh: {user: pi}
services:
  - {name: even, port: 80, nodePort: 30080}
  - {name: sticky, port: 81, nodePort: 30080, sessionAffinity: ClientIP}
  - {name: closed, port: 82, nodePort: 30080, sourceRanges: [10.0.0.0/8]}
  - {name: told, port: 83, nodePort: 30083, proxyProtocol: true}
`

// bench is a cluster on loopback addresses of its own: two HAProxy, and three
// nodes whose NodePorts say their names.
type bench struct {
	t       *testing.T
	cluster *inventory.Cluster
	net     string // 127.x.
	one     *balancer
	two     *balancer
}

func (b *bench) at(rest string) netip.Addr { return netip.MustParseAddr(b.net + rest) }

func newBench(t *testing.T) *bench {
	t.Helper()
	daemon(t, "haproxy")
	c, err := inventory.Parse("cluster.yaml", []byte(serviceHome))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, cluster: c, net: fmt.Sprintf("127.%d.", 20+os.Getpid()%200)}
	for i := range c.Nodes {
		c.Nodes[i].Address = b.at(fmt.Sprintf("1.%d", i+1))
	}
	c.Workers[0].Address = b.at("1.3")
	c.Port = freePort(t, b.at("1.1"))
	c.HAProxy.PeersPort = freePort(t, b.at("1.1"))
	c.Services[2].SourceRanges = []netip.Prefix{netip.PrefixFrom(b.at("2.0"), 24)}
	plain, told := b.respond(sayName), b.respond(sayClient)
	for i := range c.Services {
		c.Services[i].Port = freePort(t, b.at("9.1"))
		c.Services[i].NodePort = plain
	}
	c.Services[3].NodePort = told
	b.one = newBalancer(t, *c, c.Nodes[0], b.at("9.1"))
	b.two = newBalancer(t, *c, c.Nodes[1], b.at("9.2"))
	return b
}

// respond has every node answer on one port, which it returns.
func (b *bench) respond(answer func(net.Conn, string)) uint16 {
	b.t.Helper()
	port := freePort(b.t, b.at("1.1"))
	for _, n := range slices.Concat(b.cluster.Nodes, b.cluster.Workers) {
		l, err := (&net.ListenConfig{}).Listen(b.t.Context(), "tcp", netip.AddrPortFrom(n.Address, port).String())
		if err != nil {
			b.t.Fatal(err)
		}
		b.t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close() //nolint:errcheck // it has answered
					answer(conn, n.Name)
				}()
			}
		}()
	}
	return port
}

func sayName(conn net.Conn, name string) { _, _ = io.WriteString(conn, name) }

// sayClient says who the client is by the PROXY protocol's second version.
func sayClient(conn net.Conn, name string) {
	client, err := proxied(conn)
	if err != nil {
		client = err.Error()
	}
	_, _ = fmt.Fprintf(conn, "%s %s", name, client)
}

// proxied reads a header as the protocol's text describes it, section 2.2.
func proxied(r io.Reader) (string, error) {
	head := make([]byte, 16)
	if _, err := io.ReadFull(r, head); err != nil {
		return "", err
	}
	if !bytes.HasPrefix(head, []byte("\r\n\r\n\x00\r\nQUIT\n")) || head[12]>>4 != 2 {
		return "", errors.New("no PROXY protocol")
	}
	rest := make([]byte, binary.BigEndian.Uint16(head[14:]))
	if _, err := io.ReadFull(r, rest); err != nil {
		return "", err
	}
	if head[12]&15 == 0 {
		return "LOCAL", nil
	}
	if head[13] != 0x11 || len(rest) < 12 {
		return "", errors.New("not TCP over IPv4")
	}
	addr, _ := netip.AddrFromSlice(rest[:4])
	return addr.String(), nil
}

func (b *bench) service(i int) uint16 { return b.cluster.Services[i].Port }

// TestServices runs what is rendered.
func TestServices(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	t.Run("None spreads connections", func(t *testing.T) { b.spreads(t) })
	t.Run("ClientIP holds", func(t *testing.T) { b.holds(t) })
	t.Run("sourceRanges", func(t *testing.T) { b.refuses(t) })
	t.Run("PROXY protocol", func(t *testing.T) { b.tells(t) })
}

// spreads wants 300 connections within 5 % of even.
func (b *bench) spreads(t *testing.T) {
	const connections, most = 300, 105
	got := map[string]int{}
	for range connections {
		got[b.one.call(b.service(0), b.at("2.1"))]++
	}
	if len(got) != 3 || slices.Max(slices.Collect(maps.Values(got))) > most || slices.Min(slices.Collect(maps.Values(got))) < connections/3-5 {
		t.Errorf("%v", got)
	}
}

// holds wants every client to stay with its server, whichever HAProxy it comes
// through, also when the one that saw it first is gone, and back again.
func (b *bench) holds(t *testing.T) {
	const clients = 30
	first := map[int]string{}
	same := func(through *balancer, when string) {
		t.Helper()
		for i := range clients {
			got := through.call(b.service(1), b.at(fmt.Sprintf("2.%d", i+1)))
			if first[i] == "" {
				first[i] = got
			}
			if got == "" || got != first[i] {
				t.Errorf("client %d %s: %q, and %q before", i, when, got, first[i])
			}
		}
	}
	same(b.one, "at first")
	if servers := slices.Compact(slices.Sorted(maps.Values(first))); len(servers) != 3 {
		t.Errorf("%d clients are with %q", clients, servers)
	}
	same(b.one, "again")
	b.two.await("clients learned by the second HAProxy", func() bool { return b.two.clients("sticky") == clients })
	b.one.kill()
	same(b.two, "after the first HAProxy was killed")
	b.one.start()
	b.one.await("clients learned by the first HAProxy when it is back", func() bool { return b.one.clients("sticky") == clients })
	same(b.one, "when the first HAProxy is back")
}

func (b *bench) refuses(t *testing.T) {
	if got := b.one.call(b.service(2), b.at("2.7")); got == "" {
		t.Error("a client of the range is refused")
	}
	if got := b.one.call(b.service(2), b.at("3.7")); got != "" {
		t.Errorf("another client is answered by %q", got)
	}
}

func (b *bench) tells(t *testing.T) {
	for range 3 {
		client := b.at("2.9")
		var name, said string
		if _, err := fmt.Sscan(b.one.call(b.service(3), client), &name, &said); err != nil || said != client.String() {
			t.Errorf("%s is told that %q comes, not %s: %v", name, said, client, err)
		}
	}
}
