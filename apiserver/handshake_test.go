package apiserver

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"testing"

	"github.com/kplb/kplb/apiserver/apiservertest"
)

// TestConnectUntilAll counts connections that fail intermittently, and does not
// end because all apiservers were reached before.
func TestConnectUntilAll(t *testing.T) {
	t.Parallel()
	at := netip.MustParseAddrPort("127.9.1.9:1")
	honest := authority.Certificate(t, apiservertest.FarAhead, []string{SharedName}, "127.9.1.9")
	servers := []netip.AddrPort{
		apiservertest.Serve(t, "127.0.0.1:0", honest, apiservertest.OK),
		apiservertest.Serve(t, "127.0.0.1:0", stranger.Certificate(t, apiservertest.FarAhead, []string{SharedName}, "127.9.1.9"), apiservertest.OK),
	}
	owners := map[CertificateSum]string{sha256.Sum256(honest.Certificate[0]): "node-1"}
	for _, c := range []struct {
		lies int // of 10 connections
		says string
	}{
		{0, "16 tried, 0 failed: <nil>"},
		{1, "16 tried, 1 failed: the certificate is not from the cluster's CA: something else answers on 127.9.1.9:1"},
		{10, "16 tried, 16 failed: the certificate is not from the cluster's CA: something else answers on 127.9.1.9:1"},
	} {
		n := 0
		dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
			n++
			i := 0
			if n%10 < c.lies {
				i = 1
			}
			return (&net.Dialer{}).DialContext(ctx, network, servers[i].String())
		}
		got := ConnectUntilAll(t.Context(), Endpoint{Address: at, CA: authority.Pool(), Dial: dial}, owners, 100)
		same(t, "met", fmt.Sprintf("%d tried, %d failed: %v", got.Tried, got.Failed, got.First), c.says)
		same(t, "by", got.ByNode["node-1"], got.Tried-got.Failed)
	}
}

// TestConnectUntilAllReachesEveryOwner: connections stay open meanwhile, and a
// certificate that no apiserver shows on its own address is a failure.
func TestConnectUntilAllReachesEveryOwner(t *testing.T) {
	t.Parallel()
	at := netip.MustParseAddrPort("127.9.1.9:1")
	first := authority.Certificate(t, apiservertest.FarAhead, []string{SharedName})
	second := authority.Certificate(t, apiservertest.FarAhead, []string{SharedName})
	owners := map[CertificateSum]string{sha256.Sum256(first.Certificate[0]): "node-1", sha256.Sum256(second.Certificate[0]): "node-2"}
	servers := []netip.AddrPort{apiservertest.Serve(t, "127.0.0.1:0", first, apiservertest.OK), apiservertest.Serve(t, "127.0.0.1:0", second, apiservertest.OK)}
	n := 0
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		server := servers[0]
		if n++; n == 30 {
			server = servers[1]
		}
		return (&net.Dialer{}).DialContext(ctx, network, server.String())
	}
	e := Endpoint{Address: at, CA: authority.Pool(), Dial: dial}
	same(t, "tally", ConnectUntilAll(t.Context(), e, owners, 100), Tally{Tried: 30, ByNode: map[string]int{"node-1": 29, "node-2": 1}})
	n = 100
	same(t, "no more than that", ConnectUntilAll(t.Context(), e, owners, 20), Tally{Tried: 20, ByNode: map[string]int{"node-1": 20}})
	delete(owners, sha256.Sum256(first.Certificate[0]))
	got := ConnectUntilAll(t.Context(), e, owners, 100)
	same(t, "of nobody", got.Failed, FewestTries)
	says(t, got.First, "a certificate of the cluster's CA answers that no apiserver shows on its own address")
}

// TestOwners: apiservers that show the same certificate cannot be told apart.
func TestOwners(t *testing.T) {
	t.Parallel()
	l := goLive(t, "127.5.1")
	owners, distinct := l.Owners(t.Context())
	same(t, "owners", len(owners), 3)
	same(t, "distinct", distinct, true)
	l.Absent = map[string]bool{"node-2": true}
	owners, _ = l.Owners(t.Context())
	same(t, "without who is left out", len(owners), 2)

	shared := authority.Certificate(t, apiservertest.FarAhead, []string{SharedName})
	at := apiservertest.Serve(t, "127.0.0.1:0", shared, apiservertest.OK)
	l.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, at.String())
	}
	_, distinct = l.Owners(t.Context())
	same(t, "one certificate", distinct, false)
	l.CA = stranger.Pool()
	_, distinct = l.Owners(t.Context())
	same(t, "nobody answers", distinct, false)
}

// TestProbeTCP ends by itself where the server sends nothing.
func TestProbeTCP(t *testing.T) {
	t.Parallel()
	silent := apiservertest.Serve(t, "127.0.0.1:0", authority.Certificate(t, apiservertest.FarAhead, nil), http.NotFound)
	says(t, ProbeTCP(t.Context(), (&net.Dialer{}).DialContext, silent), "")
	nobody := apiservertest.Closed(t, "127.0.0.1")
	says(t, ProbeTCP(t.Context(), (&net.Dialer{}).DialContext, nobody), fmt.Sprintf("dial tcp %s: connect: connection refused", nobody))
}
