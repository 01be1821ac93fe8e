package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestReadManifest(t *testing.T) {
	got := readManifest([]byte(`
    - kube-apiserver
    - --advertise-address=10.1.1.1
    - --bind-address=10.0.0.1
    - --tls-cert-file=/pki/a.crt
    - "--permit-port-sharing"
    - --bind-address=10.1.1.1
`))
	want := settings{
		bindAddress: "10.1.1.1", securePort: "6443", certFile: "/pki/a.crt", keyFile: "/etc/kubernetes/pki/apiserver.key",
		advertiseAddress: "10.1.1.1", permitPortSharing: true, anonAuth: true,
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestListenOn(t *testing.T) {
	for bind, want := range map[string]string{"::": ":6443", "0.0.0.0": ":6443", "10.1.1.1": "10.1.1.1:6443", "fd10:1::1": "[fd10:1::1]:6443"} {
		if got := (settings{bindAddress: bind, securePort: "6443"}).listenOn(); got != want {
			t.Errorf("%s: got %s, want %s", bind, got, want)
		}
	}
}

func TestHandler(t *testing.T) {
	for _, c := range []struct {
		path string
		anon bool
		code int
	}{{"/readyz", true, 200}, {"/version", true, 200}, {"/api", true, 403}, {"/readyz", false, 401}} {
		recorder := httptest.NewRecorder()
		handler(settings{anonAuth: c.anon}).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, c.path, nil))
		if recorder.Code != c.code {
			t.Errorf("%s: got %d, want %d", c.path, recorder.Code, c.code)
		}
	}
}

// The manifest is written, replaced by a rename, and taken away.
func TestObeysTheManifest(t *testing.T) {
	dir := t.TempDir()
	writeCertificate(t, dir)
	s := server{manifest: filepath.Join(dir, "kube-apiserver.yaml"), poll: 5 * time.Millisecond, log: log.New(io.Discard, "", 0)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { s.run(ctx); close(done) }()
	defer func() { cancel(); <-done }()

	first, second := freePort(t), freePort(t)
	replace(t, s.manifest, dir, first)
	waitFor(t, "the first port to answer", func() bool { return answers(first) })
	replace(t, s.manifest, dir, second)
	waitFor(t, "the second port to answer and the first to be closed", func() bool { return answers(second) && !answers(first) })
	if err := os.Remove(s.manifest); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "nothing to answer", func() bool { return !answers(second) })
}

func answers(port int) bool {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // a certificate made for this test
	}}
	response, err := client.Get(fmt.Sprintf("https://127.0.0.1:%d/readyz", port))
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	body, _ := io.ReadAll(response.Body)
	return string(body) == "ok"
}

func replace(t *testing.T, manifest, dir string, port int) {
	t.Helper()
	text := fmt.Sprintf("- --bind-address=127.0.0.1\n- --secure-port=%d\n- --tls-cert-file=%s/crt\n- --tls-private-key-file=%s/key\n", port, dir, dir)
	if err := os.WriteFile(manifest+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(manifest+".new", manifest); err != nil {
		t.Fatal(err)
	}
}

func waitFor(t *testing.T, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !met(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 10 s for %s", what)
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

func writeCertificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"crt": {Type: "CERTIFICATE", Bytes: certificate}, "key": {Type: "PRIVATE KEY", Bytes: encoded}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEtcdObeysItsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "etcd")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close() // its port is free now
	e := etcd{file: file, address: address, poll: time.Millisecond, log: log.New(io.Discard, "", 0)}
	go e.run(t.Context())
	client := http.Client{Timeout: 200 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
	for _, want := range []struct {
		state, body string
		answers     bool
	}{
		{"absent", "", false},
		{"healthy", `{"health":"true","reason":""}`, true},
		{"unhealthy", `{"health":"false","reason":"RAFT NO LEADER"}`, true},
		{"hangs", "", false},
		{"healthy", `{"health":"true","reason":""}`, true},
	} {
		if want.state != "absent" {
			if err := os.WriteFile(file, []byte(want.state+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(100 * time.Millisecond)
		response, err := client.Get("http://" + address + "/health")
		if (err == nil) != want.answers {
			t.Fatalf("%s: %v", want.state, err)
		}
		if err != nil {
			continue
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if string(body) != want.body {
			t.Errorf("%s: %s", want.state, body)
		}
	}
}
