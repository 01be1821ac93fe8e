package apiserver

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// apiserverIdle is a little less than the time after which an apiserver ends an
// idle connection (90 s, IdleTimeout of its server).
const apiserverIdle = 80 * time.Second

// watchPath is a watch in which nothing ever happens.
const watchPath = "/api/v1/namespaces/kube-public/configmaps?watch=true&fieldSelector=metadata.name%3Dkplb-verify-none&timeoutSeconds="

// UnwatchedError says that HoldWatch was not allowed to watch.
type UnwatchedError struct{ Code int }

func (e *UnwatchedError) Error() string {
	return fmt.Sprintf("the apiserver lets nobody watch without credentials (%d), and no control-plane node gives any", e.Code)
}

// HoldConnection asks for /healthz again over a connection that was idle. Where
// that is longer than an apiserver keeps such connections it asks in between.
func (e Endpoint) HoldConnection(ctx context.Context, idle time.Duration) error {
	conn, _, err := e.Handshake(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing is written any more
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	reader := bufio.NewReader(conn)
	if err := askAgain(conn, reader, e.Address); err != nil {
		return err
	}
	for began := time.Now(); time.Since(began) < idle; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(idle-time.Since(began), apiserverIdle)):
		}
		if err := askAgain(conn, reader, e.Address); err != nil {
			return fmt.Errorf("when it was used again after %s: %w", time.Since(began).Round(100*time.Millisecond), err)
		}
	}
	return nil
}

// askAgain wants an answer, whatever its status: it is the connection that
// matters.
func askAgain(conn net.Conn, reader *bufio.Reader, at netip.AddrPort) error {
	// a connection through a node has no deadlines
	end := time.AfterFunc(probeTimeout, func() { _ = conn.Close() })
	defer end.Stop()
	if _, err := fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n", at); err != nil {
		return closedError(err)
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return closedError(err)
	}
	defer response.Body.Close() //nolint:errcheck // it has been read
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, objectLimit))
	return err
}

// closedError says what these errors mean for a connection that was open.
func closedError(err error) error {
	if slices.ContainsFunc([]error{io.EOF, io.ErrUnexpectedEOF, syscall.EPIPE, syscall.ECONNRESET}, func(e error) bool { return errors.Is(err, e) }) {
		return fmt.Errorf("the other side has closed it (%w)", err)
	}
	return err
}

// HoldWatch holds a watch in which nothing happens, as the administrator where
// there are credentials, and makes another request over the same connection
// afterwards. Its error is an *UnwatchedError where nobody may watch.
func (e Endpoint) HoldWatch(ctx context.Context, idle time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var dialed atomic.Int32
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			dialed.Add(1)
			return e.Dial(ctx, network, address)
		},
		TLSClientConfig:       &tls.Config{RootCAs: e.CA, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   probeTimeout,
		ResponseHeaderTimeout: probeTimeout,
	}
	defer transport.CloseIdleConnections()
	if e.Credentials != nil {
		if pair, err := e.Credentials(ctx); err == nil {
			transport.TLSClientConfig.Certificates = []tls.Certificate{*pair}
		}
	}
	client := &http.Client{Transport: transport}
	response, err := get(ctx, client, e.Address, watchPath+strconv.Itoa(int(idle.Seconds())+60))
	if err != nil {
		return explain(e.CA, e.Address, err)
	}
	defer response.Body.Close() //nolint:errcheck // it ends with its context
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden:
		return &UnwatchedError{response.StatusCode}
	default:
		return fmt.Errorf("the watch is answered by %d %s", response.StatusCode, http.StatusText(response.StatusCode))
	}
	if err := stands(ctx, response.Body, idle); err != nil || response.ProtoMajor < 2 {
		return err
	}
	again, err := get(ctx, client, e.Address, "/healthz")
	if err != nil {
		return fmt.Errorf("the connection of the watch is dead: %w", explain(e.CA, e.Address, err))
	}
	_ = again.Body.Close() // it has answered
	if dialed.Load() > 1 {
		return errors.New("the connection of the watch is dead: another one had to be made")
	}
	return nil
}

func get(ctx context.Context, client *http.Client, at netip.AddrPort, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+at.String()+path, nil)
	if err != nil {
		return nil, err
	}
	return client.Do(request)
}

// stands wants a stream not to end for a while. What is in it does not matter.
func stands(ctx context.Context, stream io.Reader, idle time.Duration) error {
	began := time.Now()
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, stream)
		ended <- cmp.Or(err, io.EOF)
	}()
	select {
	case err := <-ended:
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("after %s: %w", time.Since(began).Round(100*time.Millisecond), closedError(err))
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(idle):
		return nil
	}
}
