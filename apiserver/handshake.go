package apiserver

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// CertificateSum tells the certificate of an apiserver from all others.
type CertificateSum = [sha256.Size]byte

// Handshake makes a TLS connection, and wants a certificate that is from the CA,
// and for SharedName whatever the endpoint's Name. The caller closes it.
func (e Endpoint) Handshake(ctx context.Context) (net.Conn, *x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	plain, err := e.Dial(ctx, "tcp", e.Address.String())
	if err != nil {
		return nil, nil, err
	}
	conn, err := Secure(ctx, plain, Trust(e.CA, SharedName))
	if err != nil {
		return nil, nil, explain(e.CA, e.Address, err)
	}
	return conn, conn.ConnectionState().PeerCertificates[0], nil
}

// Trust wants a certificate that is from the CA, and for a name or an address. For
// a transport that is the host of its requests where the name is empty.
func Trust(ca *x509.CertPool, name string) *tls.Config {
	return &tls.Config{RootCAs: ca, ServerName: name, MinVersion: tls.VersionTLS12}
}

// Secure makes TLS of a connection, and closes it where that fails. Its error is
// the handshake's own.
func Secure(ctx context.Context, plain net.Conn, trust *tls.Config) (*tls.Conn, error) {
	conn := tls.Client(plain, trust)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = plain.Close() // it is of no use any more
		return nil, err
	}
	return conn, nil
}

// Owners are the nodes whose apiserver answers, by the certificate that it
// shows on its own address; and whether the certificates tell all of them apart.
func (p *ControlPlane) Owners(ctx context.Context) (owners map[CertificateSum]string, distinct bool) {
	owners = map[CertificateSum]string{}
	answered := 0
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, n := range p.Present() {
		all.Go(func() {
			conn, certificate, err := p.endpoint(p.Cluster.APIServerAddress(n), p.dialTo(n.Name)).Handshake(ctx)
			if err != nil {
				return // it is missing, and the proof says why
			}
			_ = conn.Close() // it has shown its certificate
			mu.Lock()
			defer mu.Unlock()
			owners[sha256.Sum256(certificate.Raw)] = n.Name
			answered++
		})
	}
	all.Wait()
	return owners, answered > 0 && len(owners) == answered
}

// FewestTries is how many connections ConnectUntilAll makes even where every
// apiserver was reached before: half of the connections reach a backend that
// fails intermittently.
const FewestTries = 16

// Tally counts which apiservers the connections to an address have reached.
type Tally struct {
	Tried, Failed int
	First         error          // of those that failed
	ByNode        map[string]int // connections, by the node that has the certificate
}

// ConnectUntilAll makes connections to an endpoint until each of the owners was
// reached, at most so many. It keeps them open meanwhile: leastconn would send
// the next one to the same server again.
func ConnectUntilAll(ctx context.Context, e Endpoint, owners map[CertificateSum]string, most int) Tally {
	out := Tally{ByNode: map[string]int{}}
	var held []net.Conn
	defer func() {
		for _, conn := range held {
			_ = conn.Close() // nothing was sent
		}
	}()
	for out.Tried < most && (out.Tried < FewestTries || len(out.ByNode) < len(owners)) && ctx.Err() == nil {
		out.Tried++
		node := ""
		conn, certificate, err := e.Handshake(ctx)
		if err == nil {
			held = append(held, conn)
			if node = owners[sha256.Sum256(certificate.Raw)]; node == "" {
				err = errors.New("a certificate of the cluster's CA answers that no apiserver shows on its own address")
			}
		}
		if err != nil {
			if out.Failed++; out.First == nil {
				out.First = err
			}
			if out.Failed >= FewestTries { // it will not become better
				break
			}
			continue
		}
		out.ByNode[node]++
	}
	return out
}

// silence is how long ProbeTCP waits for a server that sends nothing.
const silence = 250 * time.Millisecond

// ProbeTCP makes a connection, sends nothing, and waits for the other side to
// end it. So HAProxy has chosen a server, and counted the connection.
func ProbeTCP(ctx context.Context, dial DialFunc, at netip.AddrPort) error {
	conn, err := dial(ctx, "tcp", at.String())
	if err != nil {
		return err
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // a server that waits for a request gets none
	}
	// a connection through a node has no deadlines
	end := time.AfterFunc(silence, func() { _ = conn.Close() })
	defer end.Stop()
	_, _ = io.Copy(io.Discard, io.LimitReader(conn, 64<<10)) // what it sends does not matter
	_ = conn.Close()
	return nil
}
