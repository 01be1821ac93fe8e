package drill

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// client is one connection to the VIP, TLS verified.
type client struct {
	conn    *tls.Conn
	reader  *bufio.Reader
	goodbye bool // the server has said that it closes
}

// dial connects, within the time of ctx.
func (s *Sampler) dial(ctx context.Context) (*client, error) {
	plain, err := s.Dial(ctx, "tcp", s.Address)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	conn := tls.Client(plain, s.TLS)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = plain.Close() // it has failed already
		return nil, err
	}
	return &client{conn: conn, reader: bufio.NewReader(conn)}, nil
}

func (c *client) close() { _ = c.conn.NetConn().Close() } // without a goodbye, which a dead way would not take

// ask wants an apiserver's answer, within the time of ctx. Whoever is not
// allowed to ask has been answered, too.
func (c *client) ask(ctx context.Context, host string) error {
	end := context.AfterFunc(ctx, c.close) // a connection through SSH has no deadlines
	defer end()
	err := c.question(ctx, host)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return err
}

func (c *client) question(ctx context.Context, host string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/healthz", nil)
	if err != nil {
		return err
	}
	if err := request.Write(c.conn); err != nil {
		return err
	}
	response, err := http.ReadResponse(c.reader, request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // it has been read
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16)); err != nil {
		return err
	}
	c.goodbye = response.Close
	switch response.StatusCode {
	case http.StatusOK, http.StatusUnauthorized, http.StatusForbidden:
		return nil
	}
	return &statusError{response.StatusCode}
}

// statusError is an answer that says that something is wrong.
type statusError struct{ code int }

func (e *statusError) Error() string { return fmt.Sprintf("answers %d", e.code) }

// DialFunc connects as net.Dialer.DialContext does.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Sampler asks an address over TLS again and again.
type Sampler struct {
	Address string      // host:port
	Dial    DialFunc    // as seen from where the clients are
	TLS     *tls.Config // what to trust, and for which name
	Every   time.Duration
	Limit   time.Duration // what is not answered by then has failed
	Held    int           // connections that are held, beside the new ones
}
