package fleettest

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/kplb/kplb/remote"
)

// DialContext reaches the node's own apiserver and its etcd.
func (h *Host) DialContext(_ context.Context, _, address string) (net.Conn, error) {
	for _, n := range h.Machines.Fleet.Everyone() {
		if address == h.Machines.Fleet.Cluster.APIServerAddress(n).String() && !h.Machines.Nodes[n.Name].Down.Load() {
			return h.Machines.Nodes[n.Name].apiserver(), nil
		}
	}
	if address == netip.AddrPortFrom(h.Machines.Fleet.Cluster.VIP, h.Machines.Fleet.Cluster.Port).String() && !h.Machines.VIP.Down.Load() {
		return h.Machines.behind().apiserver(), nil
	}
	if b := h.Machines.Fleet.Cluster.WorkerBalancer; b != nil && address == b.Address().String() && h.Machines.Local != nil {
		if h.NoForwarding {
			return nil, &remote.Error{Host: h.ID, Err: remote.ErrForwarding}
		}
		if !h.Machines.Local.Down.Load() {
			return h.Machines.Local.apiserver(), nil
		}
	}
	if address == "127.0.0.1:2381" && h.EtcdHealth != "" {
		here, there := net.Pipe()
		go answerOne(there, there, Always(200, h.EtcdHealth))
		return here, nil
	}
	if address == "127.0.0.1:10248" && h.Kubelet != nil {
		here, there := net.Pipe()
		go answerOne(there, there, h.Kubelet)
		return here, nil
	}
	return nil, &remote.Error{Host: h.ID, Err: remote.ErrForwardFailed}
}

// behind is who gets the next connection to the VIP.
func (f *Machines) behind() *Node {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.Turns) == 0 {
		return f.VIP
	}
	next := f.Turns[0]
	f.Turns = append(f.Turns[1:], next)
	return next
}

// apiserver answers one question over TLS.
func (n *Node) apiserver() net.Conn {
	here, there := net.Pipe()
	status := 200
	if n.Ready != nil {
		status = n.Ready()
	}
	answer := Always(status, "ok")
	if n.Machines != nil && n.Machines.API != nil {
		answer = func(r *http.Request) (int, string) {
			if strings.HasPrefix(r.URL.Path, "/api/") {
				return n.Machines.API(r)
			}
			return status, "ok"
		}
	}
	go answerOne(there, tls.Server(there, &tls.Config{Certificates: []tls.Certificate{n.Certificate}, MinVersion: tls.VersionTLS12}), answer)
	return here
}

// answerOne closes the pipe itself: over one, two sides of TLS would wait for
// each other's end.
func answerOne(pipe io.Closer, c io.ReadWriter, answer func(*http.Request) (int, string)) {
	defer pipe.Close() //nolint:errcheck // a test's connection
	request, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	status, body := answer(request)
	_, _ = fmt.Fprintf(c, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, http.StatusText(status), len(body), body)
}

// Always is an apiserver, or another server, that gives one answer.
func Always(status int, body string) func(*http.Request) (int, string) {
	return func(*http.Request) (int, string) { return status, body }
}
