package render

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kplb/kplb/inventory"
)

// A worker's rendered haproxy.cfg is tried with the real HAProxy in front of
// small apiservers, which can be stopped and started.

// site is a worker with its balancer, and the apiservers.
type site struct {
	t       *testing.T
	c       *inventory.Cluster
	ca      string // its file
	pair    tls.Certificate
	servers map[string]*http.Server
	dir     string
	process *exec.Cmd
	began   time.Time
	output  bytes.Buffer
}

// newSite starts the apiservers of the nodes of an inventory, on addresses of
// this machine, and the balancer of its first worker.
func newSite(t *testing.T, strategy inventory.Strategy) *site {
	t.Helper()
	haproxy := daemon(t, "haproxy")
	s := &site{t: t, c: loadCluster(t, casesDir+"/worker-balancer/inventory.yaml"), servers: map[string]*http.Server{}, dir: t.TempDir()}
	s.c.HAProxy.Check.Interval = 100 * time.Millisecond
	s.c.WorkerBalancer = &inventory.WorkerBalancer{Port: freePort(t, netip.MustParseAddr("127.0.0.1")), Strategy: strategy}
	s.c.HAProxy.MonitorPort = freePort(t, netip.MustParseAddr("127.0.0.1"))
	for i := range s.c.Nodes {
		s.c.Nodes[i].Address = netip.AddrFrom4([4]byte{127, 81, byte(os.Getpid() >> 8), byte(i + 1)})
	}
	s.c.Port = freePort(t, s.c.Nodes[0].Address)
	s.issue()
	for _, n := range s.c.Nodes {
		s.start(n)
	}
	s.write()
	s.process = exec.Command(haproxy, "-W", "-f", filepath.Join(s.dir, "haproxy.cfg")) // ends with the test
	s.process.Stdout, s.process.Stderr = &s.output, &s.output
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	s.began = time.Now()
	t.Cleanup(func() {
		_ = s.process.Process.Signal(syscall.SIGTERM)
		_ = s.process.Wait()
		for _, server := range s.servers {
			_ = server.Close()
		}
		if t.Failed() {
			t.Logf("haproxy says:\n%s", s.output.String())
		}
	})
	s.until("the balancer listens", func() bool { _, err := s.ask(); return err == nil })
	return s
}

// issue makes one certificate that is its own CA, for the name that every
// apiserver's certificate has.
func (s *site) issue() {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"kubernetes"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	s.pair = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	s.ca = writeTemp(s.t, "ca.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	if err := errors.Join(os.Chmod(s.ca, 0o644), os.Chmod(s.dir, 0o755)); err != nil {
		s.t.Fatal(err)
	}
}

// start starts a node's apiserver, which says its node's name.
func (s *site) start(n inventory.Node) {
	s.t.Helper()
	listener, err := tls.Listen("tcp", hostport(n.Address, s.c.Port), &tls.Config{Certificates: []tls.Certificate{s.pair}, MinVersion: tls.VersionTLS12})
	if err != nil {
		s.t.Fatal(err)
	}
	server := &http.Server{
		ReadHeaderTimeout: time.Minute, ErrorLog: nil,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, n.Name) }),
	}
	s.servers[n.Name] = server
	go func() { _ = server.Serve(listener) }()
}

// stop ends a node's apiserver, and its connections.
func (s *site) stop(name string) {
	s.t.Helper()
	if err := s.servers[name].Close(); err != nil {
		s.t.Fatal(err)
	}
}

// write renders the balancer's file for this machine.
func (s *site) write() {
	s.t.Helper()
	artifacts, err := builtin(s.t).Worker(s.c, s.c.Workers[0], DefaultFacts(s.c.Workers[0]))
	if err != nil {
		s.t.Fatal(err)
	}
	content := artifacts[0].Content
	for from, to := range map[string]string{
		"/etc/kubernetes/pki/ca.crt": s.ca, "/run/haproxy/admin.sock": filepath.Join(s.dir, "admin.sock"),
		"    chroot /var/lib/haproxy\n": "", "    user haproxy\n": "", "    group haproxy\n": "",
		"    log /dev/log local0 info\n": "", "abns@kplb-worker-reload": fmt.Sprintf("abns@kplb-test-%d", s.c.WorkerBalancer.Port),
	} {
		content = bytes.ReplaceAll(content, []byte(from), []byte(to))
	}
	if err := os.WriteFile(filepath.Join(s.dir, "haproxy.cfg"), content, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// reload is what systemctl reload haproxy does.
func (s *site) reload() {
	s.t.Helper()
	s.write()
	if err := s.process.Process.Signal(syscall.SIGUSR2); err != nil {
		s.t.Fatal(err)
	}
}

// connection is one of a client: a new TLS connection through the balancer,
// verified as a kubelet does with tls-server-name.
func (s *site) connection() *http.Client {
	s.t.Helper()
	pool := x509.NewCertPool()
	certificate, err := x509.ParseCertificate(s.pair.Certificate[0])
	if err != nil {
		s.t.Fatal(err)
	}
	pool.AddCert(certificate)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "kubernetes", MinVersion: tls.VersionTLS12}, MaxConnsPerHost: 1}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// over asks through a connection who is at its other end.
func (s *site) over(client *http.Client) (string, error) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.c.WorkerBalancer.URL(), nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close() //nolint:errcheck // it has been read
	name, err := io.ReadAll(response.Body)
	return string(name), err
}

func (s *site) ask() (string, error) {
	client := s.connection()
	defer client.CloseIdleConnections()
	return s.over(client)
}

// burst makes n new connections at once and counts who got them; one that
// failed is under its error.
func (s *site) burst(n int) map[string]int {
	s.t.Helper()
	got := map[string]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			name, err := s.ask()
			if err != nil {
				name = err.Error()
			}
			mu.Lock()
			defer mu.Unlock()
			got[name]++
		})
	}
	all.Wait()
	return got
}

// up says whether the balancer has seen the server to be ready, for certain.
func (s *site) up(name string) bool { return s.status(name) == "UP" }

// status is what the balancer's statistics say of a server; empty: nothing.
func (s *site) status(name string) string {
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/stats;csv", s.c.HAProxy.MonitorPort), nil)
	if err != nil {
		return ""
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer response.Body.Close()          //nolint:errcheck // it has been read
	page, _ := io.ReadAll(response.Body) // what is cut short lacks servers
	for line := range strings.Lines(string(page)) {
		if field := strings.Split(line, ","); len(field) > 17 && field[0] == "kube-apiserver" && field[1] == name {
			return field[17]
		}
	}
	return ""
}

func (s *site) until(what string, yes func() bool) {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); !yes(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// only fails the test unless all of 20 new connections go to one server.
func (s *site) only(when, name string) {
	s.t.Helper()
	if got := s.burst(20); !maps.Equal(got, map[string]int{name: 20}) {
		s.t.Errorf("%s: %v, want all 20 on %s", when, got, name)
	}
}

// TestFailover: all connections go to one apiserver until it dies, then all to
// the next, also when the first is back, and when HAProxy has reloaded. No
// connection fails, and adding an apiserver breaks none.
func TestFailover(t *testing.T) {
	t.Parallel()
	s := newSite(t, inventory.Failover)
	order := serversFor(s.c.Workers[0], s.c.Nodes)
	first, second, third := order[0], order[1], order[2]
	s.only("at first", first.Name)
	s.stop(first.Name)
	s.only("it has died, and nobody knows yet", second.Name)
	s.until("it is marked down", func() bool { return s.status(first.Name) == "DOWN" })
	s.only("it is marked down", second.Name)
	s.start(first)
	s.until("it is back", func() bool { return s.up(first.Name) })
	s.only("it is back", second.Name)

	held := s.connection()
	if name, err := s.over(held); err != nil || name != second.Name {
		t.Fatalf("the held connection goes to %q: %v", name, err)
	}
	added := inventory.Node{Name: "added", Address: s.c.Nodes[2].Address.Next()}
	s.c.Nodes = append(s.c.Nodes, added)
	s.start(added)
	time.Sleep(time.Until(s.began.Add(6 * time.Second))) // a HAProxy that has just started asks for 5 s whether it is to learn, and teaches nobody
	s.reload()
	s.until("the new one is a server", func() bool { return s.up(added.Name) })
	s.only("HAProxy has reloaded", second.Name)
	if name, err := s.over(held); err != nil || name != second.Name {
		t.Errorf("after the reload, the held connection goes to %q: %v", name, err)
	}

	s.stop(second.Name)
	next := serversFor(s.c.Workers[0], s.c.Nodes)[0]
	s.only("the second has died, too", next.Name)
	for _, n := range s.c.Nodes {
		if n.Name != third.Name {
			s.stop(n.Name)
			s.until(n.Name+" is marked down", func() bool { return s.status(n.Name) == "DOWN" })
		}
	}
	s.only("one is left", third.Name)
}

// TestRoundRobin: connections spread, and one that comes back gets its share.
func TestRoundRobin(t *testing.T) {
	t.Parallel()
	s := newSite(t, inventory.RoundRobin)
	for _, n := range s.c.Nodes {
		s.until(n.Name+" is up", func() bool { return s.up(n.Name) })
	}
	hold := func(n int) map[string]int {
		got := map[string]int{}
		for range n {
			name, err := s.over(s.connection())
			if err != nil {
				name = err.Error()
			}
			got[name]++
		}
		return got
	}
	third := s.c.Nodes[2]
	if got, want := hold(9), map[string]int{"kubernetes-node-1": 3, "kubernetes-node-2": 3, "kubernetes-node-3": 3}; !maps.Equal(got, want) {
		t.Errorf("at first: %v, want %v", got, want)
	}
	s.stop(third.Name)
	s.until("it is marked down", func() bool { return s.status(third.Name) == "DOWN" })
	s.start(third)
	s.until("it is back", func() bool { return s.up(third.Name) })
	if got, want := hold(3), map[string]int{third.Name: 3}; !maps.Equal(got, want) {
		t.Errorf("it is back: %v, want %v", got, want)
	}
}
