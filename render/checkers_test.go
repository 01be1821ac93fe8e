package render

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/inventory"
)

// Every rendered file is shown to the daemon that reads it. The Makefile sets
// KPLB_REQUIRE_CHECKERS, so that nothing is skipped there.

// skip leaves the test out, unless it must not be.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("KPLB_REQUIRE_CHECKERS") != "" {
		t.Fatalf("KPLB_REQUIRE_CHECKERS is set, but %s", why)
	}
	t.Skip(why)
}

// daemon finds a program, also where only root's PATH has it, or where
// `make checkers` has unpacked it.
func daemon(t *testing.T, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", tools(t)} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	skip(t, name+" is not installed")
	return ""
}

func run(t *testing.T, argv ...string) (output string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	c.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	out, err := c.CombinedOutput()
	return string(out), err
}

// replaceAll is for what only the node has.
func replaceAll(t *testing.T, content []byte, from, to string) []byte {
	t.Helper()
	if !bytes.Contains(content, []byte(from)) {
		t.Fatalf("%q is not in the file", from)
	}
	return bytes.ReplaceAll(content, []byte(from), []byte(to))
}

func writeTemp(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHAProxyAccepts(t *testing.T) {
	t.Parallel()
	haproxy := daemon(t, "haproxy")
	ca := writeCA(t)
	forCases(t, func(t *testing.T, _ string, c *inventory.Cluster) {
		for path, a := range renderTree(t, c) {
			if !strings.HasSuffix(path, HAProxyPath) {
				continue
			}
			content := replaceAll(t, a.Content, "/etc/kubernetes/pki/ca.crt", ca)
			// warnings are errors
			out, err := run(t, haproxy, "-dW", "-c", "-f", writeTemp(t, "haproxy.cfg", content))
			if err != nil || out != "" && out != "Configuration file is valid\n" {
				t.Errorf("haproxy -dW -c on %s: %v\n%s", path, err, out)
			}
		}
	})
}

// TestHAProxyRefuses: the check is one that can fail.
func TestHAProxyRefuses(t *testing.T) {
	t.Parallel()
	haproxy := daemon(t, "haproxy")
	c := loadCluster(t, casesDir+"/minimal/inventory.yaml")
	content := renderTree(t, c)["kubernetes-node-1"+HAProxyPath].Content
	content = replaceAll(t, content, "/etc/kubernetes/pki/ca.crt", writeCA(t))
	for _, change := range [][2]string{{"option tcplog", "option httplog"}, {"server kubernetes-node-2", "server kubernetes-node-1"}} {
		broken := replaceAll(t, content, change[0], change[1])
		if out, err := run(t, haproxy, "-dW", "-c", "-f", writeTemp(t, "haproxy.cfg", broken)); err == nil {
			t.Errorf("haproxy -dW -c takes the file with %q for %q:\n%s", change[1], change[0], out)
		}
	}
}

// writeCA makes what /etc/kubernetes/pki/ca.crt is on a node.
func writeCA(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kubernetes"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return writeTemp(t, "ca.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// keepalivedTest runs keepalived -t where the interface of the configuration
// exists: in a network namespace of its own.
func keepalivedTest(t *testing.T, keepalived, iface string, content []byte) (string, error) {
	t.Helper()
	const script = `set -e
ip link set lo up
ip link add "$1" type veth peer name kplb-peer
ip link set "$1" up
exec "$2" -t -f "$3"`
	return run(t, "unshare", "--net", "sh", "-c", script, "sh", iface, keepalived, writeTemp(t, "keepalived.conf", content))
}

// onThisMachine replaces what only a node has.
func onThisMachine(t *testing.T, a Artifact) []byte {
	t.Helper()
	content := Secrets{VRRPAuth: "geheim42"}.Fill(a).Content
	if bytes.Contains(content, []byte("track_file")) { // with exposure: ipvs there is none
		content = replaceAll(t, content, `"/run/kplb/haproxy"`, `"`+filepath.Join(t.TempDir(), "haproxy")+`"`)
	}
	content = bytes.ReplaceAll(content, []byte(`"`+MetricsPath+`"`), []byte(`"/bin/true"`))
	return replaceAll(t, content, `"`+CheckPath+`"`, `"/bin/true"`)
}

// needNamespaces skips where no network namespace can be made.
func needNamespaces(t *testing.T) (keepalived string) {
	t.Helper()
	keepalived = daemon(t, "keepalived")
	if os.Geteuid() != 0 {
		skip(t, "keepalived -t needs root, for an interface of its own")
	}
	if out, err := run(t, "unshare", "--net", "ip", "link", "add", "kplb-a", "type", "veth", "peer", "name", "kplb-b"); err != nil {
		skip(t, fmt.Sprintf("a network namespace with an interface cannot be made: %v: %s", err, out))
	}
	return keepalived
}

func TestKeepalivedAccepts(t *testing.T) {
	t.Parallel()
	keepalived := needNamespaces(t)
	forCases(t, func(t *testing.T, _ string, c *inventory.Cluster) {
		tree := renderTree(t, c)
		for _, n := range c.Nodes {
			a := tree[n.Name+KeepalivedPath]
			// the exit codes differ between versions, so silence counts
			out, err := keepalivedTest(t, keepalived, wantKeepalived(c, c.Groups()[0], n).Interface, onThisMachine(t, a))
			if err != nil || out != "" {
				t.Errorf("keepalived -t on %s: %v\n%s", n.Name, err, out)
			}
		}
	})
}

// TestKeepalivedRefuses: the check is one that can fail.
func TestKeepalivedRefuses(t *testing.T) {
	t.Parallel()
	keepalived := needNamespaces(t)
	c := loadCluster(t, casesDir+"/vrrp2-auth/inventory.yaml")
	content := onThisMachine(t, renderTree(t, c)["kubernetes-node-1"+KeepalivedPath])
	for _, change := range [][2]string{
		{"geheim42", "geheim4242"},
		{"    enable_script_security\n", ""},
		{"interface eth0", "interface eth1"},
		{"nopreempt", "nopreemt"},
		{"priority 250", "priority 256"},
	} {
		broken := replaceAll(t, content, change[0], change[1])
		if out, err := keepalivedTest(t, keepalived, "eth0", broken); err == nil && out == "" {
			t.Errorf("keepalived -t takes the file with %q for %q", change[1], change[0])
		}
	}
}

// TestCheckScript runs kplb-check against what it may meet on its port.
func TestCheckScript(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		skip(t, "bash is not installed")
	}
	c := loadCluster(t, casesDir+"/minimal/inventory.yaml")
	for name, test := range map[string]struct {
		answer string // empty: none, and the connection stays open
		passes bool
	}{
		"alive":      {"HTTP/1.0 200 OK\r\n\r\n<html><body><h1>200 OK</h1>\n", true},
		"alive 1.1":  {"HTTP/1.1 200 OK\r\n\r\n", true},
		"failing":    {"HTTP/1.0 503 Service Unavailable\r\n\r\n", false},
		"no status":  {"HTTP/1.0 2000\r\n", true}, // nobody answers so
		"other":      {"SSH-2.0-OpenSSH_9.2\r\n", false},
		"frozen":     {"", false},
		"half":       {"HTTP/1.0 200 OK", false}, // no line: read has to time out
		"quoted 200": {"x HTTP/1.0 200 OK\r\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			asked := make(chan string, 1)
			go serveOnce(listener, test.answer, asked)
			code, took := runCheck(t, bash, c, listener)
			if passed := code == 0; passed != test.passes {
				t.Errorf("exit code %d", code)
			}
			if took > 10*time.Second { // 1 s, on a machine with nothing else to do
				t.Errorf("took %s", took)
			}
			if err := listener.Close(); err != nil {
				t.Error(err)
			}
			if got, want := <-asked, "GET /alive HTTP/1.0\r\n\r\n"; got != want {
				t.Errorf("asked %q, want %q", got, want)
			}
		})
	}
	t.Run("gone", func(t *testing.T) {
		t.Parallel()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		if code, _ := runCheck(t, bash, c, listener); code != 1 {
			t.Errorf("exit code %d, want 1", code)
		}
	})
}

// serveOnce answers one connection and leaves it open until the listener is
// closed and the client gone.
func serveOnce(listener net.Listener, answer string, asked chan<- string) {
	defer close(asked)
	conn, err := listener.Accept()
	if err != nil {
		return
	}
	defer conn.Close() //nolint:errcheck // the client is gone
	var request []byte
	buffer := make([]byte, 100)
	for err == nil && !bytes.HasSuffix(request, []byte("\r\n\r\n")) {
		var n int
		n, err = conn.Read(buffer)
		request = append(request, buffer[:n]...)
	}
	_, _ = conn.Write([]byte(answer))
	_, _ = conn.Read(buffer) // until the client goes
	asked <- string(request)
}

func runCheck(t *testing.T, bash string, c *inventory.Cluster, listener net.Listener) (code int, took time.Duration) {
	t.Helper()
	on := *c
	on.HAProxy.MonitorPort = uint16(listener.Addr().(*net.TCPAddr).Port)
	artifacts, err := builtin(t).Node(&on, on.Nodes[0], DefaultFacts(on.Nodes[0]))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range artifacts {
		if a.Path != CheckPath {
			continue
		}
		start := time.Now()
		_, err := run(t, bash, writeTemp(t, "kplb-check", a.Content))
		var exit *exec.ExitError
		switch {
		case errors.As(err, &exit):
			return exit.ExitCode(), time.Since(start)
		case err != nil:
			t.Fatal(err)
		}
		return 0, time.Since(start)
	}
	t.Fatal("no check script")
	return 0, 0
}
