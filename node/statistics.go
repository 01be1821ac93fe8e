package node

import (
	"bufio"
	"bytes"
	"io"
	"net/http"

	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/remote"
)

// parseStats reads the apiservers' part of what parseBackends reads.
func parseStats(answer []byte) []haproxy.ServerState {
	backends := parseBackends(answer)
	if backends == nil {
		return nil
	}
	servers := []haproxy.ServerState{}
	for _, s := range backends[APIServerBackend] {
		servers = append(servers, s.ServerState)
	}
	return servers
}

// parseBackends reads the answer of HAProxy's statistics page; nil: it is none.
func parseBackends(answer []byte) map[string][]haproxy.ServerStats {
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), nil)
	if err != nil || response.StatusCode != http.StatusOK {
		return nil
	}
	defer response.Body.Close() //nolint:errcheck // it is in memory
	table, err := io.ReadAll(response.Body)
	if err != nil {
		return nil
	}
	stats := haproxy.ParseStats(table)
	if stats == nil {
		return nil
	}
	out := map[string][]haproxy.ServerStats{}
	for backend, servers := range stats {
		for i, s := range servers {
			servers[i].Name, servers[i].Status, servers[i].Check = remote.Clean(s.Name), remote.Clean(s.Status), remote.Clean(s.Check)
		}
		out[remote.Clean(backend)] = servers
	}
	return out
}

// APIServerBackend is the apiservers' backend in haproxy.cfg.
const APIServerBackend = "kube-apiserver"
