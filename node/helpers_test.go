package node

import (
	"context"
	"encoding/base64"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/remote"
)

// layout is kubeadm's.
var layout = kubeadm.Distribution{}.Layout()

// same fails the test where got is not want.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// testdata reads a file that was captured on a node of the lab, or written by
// hand after one.
func testdata(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// says fails the test unless the error has exactly this text; "" for none.
func says(t testing.TB, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	same(t, "error", got, want)
}

func record(key string, fields ...string) remote.Record {
	return remote.Record{Key: key, Fields: fields}
}

func recordData(key string, data []byte) remote.Record {
	return record(key, base64.StdEncoding.EncodeToString(data))
}

// scriptedHost is a Host whose programs do this.
type scriptedHost struct {
	Host
	do func(each func(remote.Record) error) error
}

func scripted(do func(each func(remote.Record) error) error) Host { return scriptedHost{nil, do} }

func (scriptedHost) Name() string { return "node-1" }

func (h scriptedHost) Run(_ context.Context, _ remote.Script, each func(remote.Record) error) error {
	return h.do(each)
}

// closed is an address on which nobody listens.
func closed(t testing.TB, host string) netip.AddrPort {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort(l.Addr().String())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return at
}
