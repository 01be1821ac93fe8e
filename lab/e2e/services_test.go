//go:build e2e

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	lab "github.com/kplb/kplb/lab/machines"
)

const servicesInventory = "examples/services.yaml"

// TestServices applies examples/services.yaml on nodes whose NodePorts say
// their names.
func TestServices(t *testing.T) {
	t.Parallel()
	m := boot(t, "e2e-services")
	m.nodePorts()
	m.moreClients()
	t.Run("a port is taken", func(t *testing.T) { m.in(t).servicePortTaken() })
	m.kplb("apply", "--inventory", servicesInventory, "--yes").want(t, 0,
		"ok  service web on 10.1.233.1:80: connected, 3 of 3 servers up", "ok  service ingress on 10.1.233.1:443: connected, 2 of 2 servers up",
		"ok  service game on 10.1.233.1:7777: connected, 3 of 3 servers up")
	m.settle(settleTime)
	m.kplb("apply", "--inventory", servicesInventory, "--yes").want(t, 0, "nothing to do")
	t.Run("distribution", func(t *testing.T) { m.in(t).distribution() })
	t.Run("PROXY protocol", func(t *testing.T) { m.in(t).proxied() })
	t.Run("affinity", func(t *testing.T) { m.in(t).affinity() })
	t.Run("a NodePort without pods", func(t *testing.T) { m.in(t).withoutPods() })
	t.Run("sourceRanges", func(t *testing.T) { m.in(t).sourceRanges() })
	m.kplb("apply", "--inventory", labInventory, "--yes").want(t, 3, "is part of cluster home", "the inventory's cluster is lab", "give --rename")
	m.kplb("apply", "--inventory", labInventory, "--rename", "--yes").want(t, 0, "the cluster was home, and is lab from now on")
	if said, err := m.call("80", clientsOf(1)[0]); err == nil {
		t.Errorf("the port of a service that is gone answers %q", said)
	}
}

// responder says its node's name; on 30443 it reads a header of the PROXY
// protocol's second version first, and says which client it names.
const responder = `use strict; use warnings; use IO::Socket::INET;
my ($port, $name) = @ARGV;
my $listener = IO::Socket::INET->new(LocalPort => $port, Listen => 128, ReuseAddr => 1) or die "listen: $!";
while (my $client = $listener->accept) {
	my $said = $name;
	if ($port == 30443) {
		sysread($client, my $head, 28);
		$said .= " " . join(".", unpack("x16 C4", $head)) if length($head // "") == 28;
	}
	syswrite($client, $said);
	close $client;
}
`

func (m *machines) nodePorts() {
	m.t.Helper()
	for _, n := range nodes {
		m.on(n, "cat >/root/responder.pl <<'END'\n"+responder+"END\n"+
			"for port in 30080 30443 30777; do systemd-run --quiet --unit=nodeport-$port perl /root/responder.pl $port $(hostname) || exit 1; done")
	}
}

// clientsOf are addresses of the operator's network that clients call from.
func clientsOf(n int) []netip.Addr {
	out := []netip.Addr{netip.MustParseAddr("10.1.0.254")}
	for i := 1; i < n; i++ {
		out = append(out, netip.AddrFrom4([4]byte{10, 1, 0, byte(100 + i)}))
	}
	return out
}

const clients = 20

func (m *machines) moreClients() {
	m.t.Helper()
	m.lab("exec", "operator", "sh", "-c", fmt.Sprintf(
		`dev=$(ip -o addr show to 10.1.0.254 | awk '{print $2; exit}') && for i in $(seq 101 %d); do ip addr add 10.1.0.$i/16 dev "$dev" || exit 1; done`, 99+clients))
}

// call connects to a port of the VIP from an address, and returns what it is
// told.
func (m *machines) call(port string, from netip.Addr) (said string, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err = (lab.Lab{Name: m.name, Root: root(m.t)}).Enter(); err != nil {
			return
		}
		d := net.Dialer{Timeout: 5 * time.Second, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
		var conn net.Conn
		if conn, err = d.Dial("tcp", net.JoinHostPort(vip, port)); err != nil {
			return
		}
		defer conn.Close() //nolint:errcheck // it has been read
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		var data []byte
		data, err = io.ReadAll(conn)
		said = string(data)
		if err == nil && said == "" {
			err = errors.New("the connection ends without a word")
		}
	}()
	<-done
	return said, err
}

func (m *machines) servicePortTaken() {
	m.t.Helper()
	m.on("2", "systemd-run --quiet --unit=squatter perl /root/responder.pl 7777 squatter && sleep 1")
	r := m.kplb("apply", "--inventory", servicesInventory, "--yes")
	m.on("2", "systemctl stop squatter")
	r.want(m.t, 3, "kubernetes-node-2: port 7777 of 0.0.0.0, for service game, is taken by perl", servicesInventory+":")
}

// distribution wants 300 connections within 5 % of even where nothing binds
// clients to a node, and all of them counted.
func (m *machines) distribution() {
	m.t.Helper()
	r := m.kplb("verify", "--inventory", servicesInventory, "--distribution", "300", "-o", "json").want(m.t, 0)
	var said struct {
		Distribution []struct {
			Name, SessionAffinity, CountedBy string
			Failed                           int
			Backends                         []struct {
				Node string
				Got  int
			}
		}
	}
	if err := json.Unmarshal([]byte(r.stdout), &said); err != nil {
		m.t.Fatal(err)
	}
	m.t.Logf("%+v", said.Distribution)
	names := make([]string, 0, len(said.Distribution))
	for _, d := range said.Distribution {
		names = append(names, d.Name+" "+d.CountedBy)
		all, even := 0, 300/len(d.Backends)
		for _, b := range d.Backends {
			all += b.Got
			if d.SessionAffinity == "None" && (b.Got < even-even/20 || b.Got > even+even/20) {
				m.t.Errorf("%s: %s got %d of 300", d.Name, b.Node, b.Got)
			}
			if d.SessionAffinity == "ClientIP" && b.Got != 0 && b.Got != 300 {
				m.t.Errorf("%s: %s got %d of one client's 300", d.Name, b.Node, b.Got)
			}
		}
		if all != 300 || d.Failed != 0 {
			m.t.Errorf("%s: %d connections are counted, %d failed", d.Name, all, d.Failed)
		}
	}
	if want := []string{"kube-apiserver certificate", "web haproxy", "ingress haproxy", "game haproxy"}; !slices.Equal(names, want) {
		m.t.Errorf("%q, want %q", names, want)
	}
	m.kplb("verify", "--inventory", servicesInventory, "--distribution", "30").want(m.t, 0, "COUNTED BY", "33.3%")
}

// proxied wants the NodePort to learn who the client is.
func (m *machines) proxied() {
	m.t.Helper()
	for _, client := range clientsOf(4) {
		said, err := m.call("443", client)
		if node, who, _ := strings.Cut(said, " "); err != nil || who != client.String() || node == "kubernetes-node-1" {
			m.t.Errorf("%s is told %q: %v", client, said, err)
		}
	}
}

// affinity wants every client to stay with its node: from connection to
// connection, over a reload, and when the VIP moves, twice.
func (m *machines) affinity() {
	m.t.Helper()
	first := map[netip.Addr]string{}
	same := func(when string) {
		m.t.Helper()
		for _, client := range clientsOf(clients) {
			said, err := m.call("7777", client)
			if was, known := first[client]; err != nil || known && said != was {
				m.t.Errorf("%s, %s: %q, and %q before: %v", client, when, said, was, err)
			}
			first[client] = said
		}
	}
	same("at first")
	if spread := slices.Compact(slices.Sorted(maps.Values(first))); len(spread) != 3 {
		m.t.Errorf("%d clients are with %q", clients, spread)
	}
	same("again")
	m.kplb("apply", "--inventory", m.servicesWith("ssh:", "haproxy: {maxConn: 5000}\nssh:"), "--yes").want(m.t, 0, "haproxy: reloads")
	same("after a reload")
	for range 2 {
		holder := m.settle(settleTime)
		m.on(holder, "systemctl stop haproxy")
		now := m.settle(settleTime)
		if now == holder {
			m.t.Fatalf("the VIP stays on node %s without a haproxy", holder)
		}
		same("after the VIP moved from node " + holder + " to node " + now)
		m.on(holder, "systemctl start haproxy")
	}
	m.settle(settleTime)
}

// servicesWith is the example with something else in it.
func (m *machines) servicesWith(old, now string) string {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(root(m.t), servicesInventory))
	if err != nil || !strings.Contains(string(text), old) {
		m.t.Fatalf("%s has no %q: %v", servicesInventory, old, err)
	}
	file := filepath.Join(m.t.TempDir(), "inventory.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), old, now, 1)), 0o600); err != nil {
		m.t.Fatal(err)
	}
	return file
}

// withoutPods: a service that nobody answers is said, and takes no change back.
func (m *machines) withoutPods() {
	m.t.Helper()
	m.kplb("apply", "--inventory", servicesInventory, "--yes").want(m.t, 0) // in place of another one: verify compares
	for _, n := range nodes {
		m.on(n, "systemctl stop nodeport-30080")
	}
	time.Sleep(6 * time.Second) // two checks
	m.kplb("verify", "--inventory", servicesInventory).want(m.t, 1, "NO  service web on 10.1.233.1:80: connected, 0 of 3 servers up: kubernetes-node-1 is DOWN (L4CON)",
		"no node takes connections on port 30080")
	for _, n := range nodes {
		m.on(n, "systemd-run --quiet --unit=nodeport-30080 perl /root/responder.pl 30080 $(hostname)")
	}
	time.Sleep(6 * time.Second)
	m.kplb("verify", "--inventory", servicesInventory, "--wait", "20s").want(m.t, 0)
}

// sourceRanges lets nobody in who is not meant.
func (m *machines) sourceRanges() {
	m.t.Helper()
	m.kplb("apply", "--inventory", m.servicesWith("[10.1.0.0/16, 192.168.7.0/24]", "[10.1.0.254/32]"), "--yes").want(m.t, 0)
	two := clientsOf(2)
	if said, err := m.call("7777", two[0]); err != nil {
		m.t.Errorf("%s: %q, %v", two[0], said, err)
	}
	if said, err := m.call("7777", two[1]); err == nil {
		m.t.Errorf("%s is answered by %q", two[1], said)
	}
}
