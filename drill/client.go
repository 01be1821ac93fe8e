package drill

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"time"

	"github.com/kplb/kplb/apiserver"
)

// health is the path that clients ask for.
const health = "/healthz"

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
	conn, err := apiserver.Secure(ctx, plain, s.TLS)
	if err != nil {
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
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+health, nil)
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
	if status := (&apiserver.StatusError{Code: response.StatusCode, Path: health}); status.Code != http.StatusOK && !status.Anonymous() {
		return status
	}
	return nil
}

// Sampler asks an address over TLS again and again.
type Sampler struct {
	Address string             // host:port
	Dial    apiserver.DialFunc // as seen from where the clients are
	TLS     *tls.Config        // what to trust, and for which name
	Every   time.Duration
	Limit   time.Duration // what is not answered by then has failed
	Held    int           // connections that are held, beside the new ones
}
