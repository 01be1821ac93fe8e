package rollouttest

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"

	"github.com/kplb/kplb/apiserver/apiservertest"
)

// issue makes an apiserver's certificate, for its node and the VIPs.
func issue(t testing.TB, ca *apiservertest.CA, addresses ...netip.Addr) tls.Certificate {
	t.Helper()
	names := make([]string, len(addresses))
	for i, address := range addresses {
		names[i] = address.String()
	}
	return ca.Certificate(t, apiservertest.FarAhead, []string{"kubernetes"}, names...)
}

// answer is one connection to the node's apiserver, which says ok to everything.
func (n *Node) answer() net.Conn {
	here, there := net.Pipe()
	server := tls.Server(there, &tls.Config{Certificates: []tls.Certificate{n.certificate}, MinVersion: tls.VersionTLS12})
	go func() {
		defer there.Close() //nolint:errcheck // over a pipe two sides of TLS would wait for each other's end
		for requests := bufio.NewReader(server); ; {
			if _, err := http.ReadRequest(requests); err != nil {
				return
			}
			if _, err := io.WriteString(server, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\nok", len("ok"))); err != nil {
				return
			}
		}
	}()
	return here
}
