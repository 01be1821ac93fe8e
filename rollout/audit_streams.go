package rollout

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// apiserverIdle is a little less than after how long an apiserver itself ends
// a connection on which nothing is asked (90 s, IdleTimeout of its server).
const apiserverIdle = 80 * time.Second

// watchPath is a watch in which nothing ever happens.
const watchPath = "/api/v1/namespaces/kube-public/configmaps?watch=true&fieldSelector=metadata.name%3Dkplb-verify-none&timeoutSeconds="

// auditStreams holds a connection and a watch through every VIP without a
// word, and wants both to work afterwards.
func (r *Rollout) auditStreams(ctx context.Context, idle time.Duration) []Check {
	ca, err := r.authority()
	if err != nil { // the proof would not be there
		return nil
	}
	entrances := r.Cluster.Entrances()
	out := make([]Check, 2*len(entrances))
	var all sync.WaitGroup
	for i, at := range entrances {
		dial, _ := r.wayTo(ctx, at) // where there is none it fails again
		all.Go(func() {
			out[2*i] = checkHeld("an idle connection to", at, idle, holdConnection(ctx, dial, ca, at, idle))
		})
		all.Go(func() {
			out[2*i+1] = checkHeld("a silent watch through", at, idle, r.holdWatch(ctx, dial, ca, at, idle))
		})
	}
	all.Wait()
	return out
}

// leftOutError is why something was not looked at.
type leftOutError struct{ why string }

func (e *leftOutError) Error() string { return "left out: " + e.why }

func checkHeld(what string, at netip.AddrPort, idle time.Duration, err error) Check {
	check := Check{What: fmt.Sprintf("%s %s lives on for %s", what, at, idle), OK: err == nil, Detail: "it still works"}
	var out *leftOutError
	switch {
	case errors.As(err, &out):
		check.OK, check.Detail = true, err.Error()
	case err != nil:
		check.Detail = err.Error()
		check.Cure = "look at haproxy.timeouts (client, server, tunnel) of the inventory, and at firewalls on the way that forget idle connections"
	}
	return check
}

// holdConnection asks /healthz again over a connection that was idle.
func holdConnection(ctx context.Context, dial DialFunc, ca *x509.CertPool, at netip.AddrPort, idle time.Duration) error {
	_, conn, err := shake(ctx, dial, ca, at)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing is written any more
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	reader := bufio.NewReader(conn)
	if err := askAgain(conn, reader, at); err != nil {
		return err
	}
	for began := time.Now(); time.Since(began) < idle; {
		if err := wait(ctx, min(idle-time.Since(began), apiserverIdle)); err != nil {
			return err
		}
		if err := askAgain(conn, reader, at); err != nil {
			return fmt.Errorf("when it was used again after %s: %w", time.Since(began).Round(100*time.Millisecond), err)
		}
	}
	return nil
}

// askAgain wants an answer, whatever its status: it is the connection that
// matters.
func askAgain(conn net.Conn, reader *bufio.Reader, at netip.AddrPort) error {
	// a connection through a node knows no deadline
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
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, apiLimit))
	return err
}

// closedError says what they mean there.
func closedError(err error) error {
	if slices.ContainsFunc([]error{io.EOF, io.ErrUnexpectedEOF, syscall.EPIPE, syscall.ECONNRESET}, func(e error) bool { return errors.Is(err, e) }) {
		return fmt.Errorf("the other side has closed it (%w)", err)
	}
	return err
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// holdWatch holds a watch, as the cluster's administrator where a
// control-plane node has credentials, and asks for something else over the same
// connection when it was silent for long enough.
func (r *Rollout) holdWatch(ctx context.Context, dial DialFunc, ca *x509.CertPool, at netip.AddrPort, idle time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var dialed atomic.Int32
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			dialed.Add(1)
			return dial(ctx, network, address)
		},
		TLSClientConfig:       &tls.Config{RootCAs: ca, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   probeTimeout,
		ResponseHeaderTimeout: probeTimeout,
	}
	defer transport.CloseIdleConnections()
	if pair, err := r.administrator(ctx); err == nil {
		transport.TLSClientConfig.Certificates = []tls.Certificate{*pair}
	}
	client := &http.Client{Transport: transport}
	response, err := get(ctx, client, at, watchPath+strconv.Itoa(int(idle.Seconds())+60))
	if err != nil {
		return explain(ca, at, err)
	}
	defer response.Body.Close() //nolint:errcheck // it ends with its context
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden:
		return &leftOutError{fmt.Sprintf("the apiserver lets nobody watch without credentials (%d), and no control-plane node gives any", response.StatusCode)}
	default:
		return fmt.Errorf("the watch is answered by %d %s", response.StatusCode, http.StatusText(response.StatusCode))
	}
	if err := stands(ctx, response.Body, idle); err != nil || response.ProtoMajor < 2 {
		return err
	}
	again, err := get(ctx, client, at, "/healthz")
	if err != nil {
		return fmt.Errorf("the connection of the watch is dead: %w", explain(ca, at, err))
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

// stands wants a stream not to end for a while. What it says does not matter.
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
