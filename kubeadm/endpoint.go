package kubeadm

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// SetEndpoint returns the kubeconfig's bytes with the server of every cluster
// that Endpoints finds set to server, such as https://10.1.233.1:6443. The bytes
// are source's own where it says so already, or where it has no such cluster.
// Everything else stays as it is, tls-server-name included.
func SetEndpoint(source, ca []byte, server string) ([]byte, error) {
	if !isServer(server) {
		return nil, fmt.Errorf("cannot take %q as server, which is https://host:port", server)
	}
	return setServers(source, ca, func(named) aim { return aim{server: server} })
}

// EndpointsLikeIn returns the kubeconfig's bytes with the servers of the
// clusters that Endpoints finds as they are in an earlier kubeconfig, by the
// names of the clusters, and tls-server-name with them. What was not there, and
// what points to the same server, stays as it is now.
func EndpointsLikeIn(source, earlier, ca []byte) ([]byte, error) {
	was, err := readKubeconfig(earlier, ca)
	if err != nil {
		return nil, fmt.Errorf("as it was saved %w", err)
	}
	aims := map[string]aim{}
	for _, o := range was.ours {
		if server := child(o.body, "server"); given(server) {
			name := valueOf(child(o.body, serverNameKey))
			aims[o.name] = aim{server: server.Value, name: name}
		}
	}
	return setServers(source, ca, func(cluster named) aim {
		to := aims[cluster.name]
		to.named = to.server != valueOf(child(cluster.body, "server"))
		return to
	})
}

// setServers sets the servers of the clusters of one CA and reads them back.
func setServers(source, ca []byte, aimOf func(named) aim) ([]byte, error) {
	c, err := readKubeconfig(source, ca)
	if err != nil {
		return nil, err
	}
	var edits []edit
	for _, o := range c.ours {
		want := aimOf(o)
		if want.server == "" || want.reached(o) {
			continue
		}
		now := child(o.body, "server")
		if now == nil {
			return nil, fmt.Errorf("line %d: cluster %q has no server", o.line, o.name)
		}
		if o.body.Style&flow != 0 {
			return nil, fmt.Errorf("line %d: cluster %q is in flow style, which is not edited", now.Line, o.name)
		}
		more, err := c.setServer(o.body, now, want)
		if err != nil {
			return nil, err
		}
		edits = append(edits, more...)
	}
	if len(edits) == 0 {
		return bytes.Clone(source), nil
	}
	edited := c.apply(edits)
	again, err := readKubeconfig(edited, ca)
	if err != nil {
		return nil, fmt.Errorf("after the edit of server %w", err)
	}
	if !same(c.root, again.root) {
		return nil, errors.New("does not read back its servers after the edit")
	}
	return edited, nil
}

// setServer edits one cluster, in the text and in the tree.
func (d *document) setServer(body, now *yaml.Node, want aim) (edits []edit, err error) {
	if want.named {
		if edits, err = d.setServerName(body, want.name); err != nil {
			return nil, err
		}
	}
	if now.Value != want.server {
		e, err := d.set(now, "server", want.server)
		if err != nil {
			return nil, err
		}
		edits = append(edits, e)
		now.Value, now.Tag = want.server, "!!str"
	}
	return edits, nil
}

// dnsName is what Kubernetes takes as the name of a host.
var dnsName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$`)

// isHost is true for an address and for the name of a host.
func isHost(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Zone() == ""
	}
	return len(host) <= 253 && dnsName.MatchString(host)
}

// isServer is true for https:// and what is nothing but a host and perhaps a port.
func isServer(server string) bool {
	u, err := url.Parse(server)
	return err == nil && u.Scheme == "https" && isEndpoint(u.Host) && server == "https://"+u.Host
}

// isEndpoint is true for a host and perhaps a port. An IPv6 address is in
// brackets.
func isEndpoint(endpoint string) bool {
	host := endpoint
	if i := strings.LastIndexByte(endpoint, ':'); i > strings.LastIndexByte(endpoint, ']') {
		host = endpoint[:i]
		if port, err := strconv.ParseUint(endpoint[i+1:], 10, 16); err != nil || port == 0 {
			return false
		}
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		return ok && strings.Contains(inner, ":") && isHost(inner)
	}
	return !strings.Contains(host, ":") && isHost(host)
}
