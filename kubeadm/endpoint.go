package kubeadm

import (
	"bytes"
	"errors"
	"fmt"

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
func (c *kubeconfig) setServer(body, now *yaml.Node, want aim) (edits []edit, err error) {
	if want.named {
		if edits, err = c.setServerName(body, want.name); err != nil {
			return nil, err
		}
	}
	if now.Value != want.server {
		e, err := c.set(now, "server", want.server)
		if err != nil {
			return nil, err
		}
		edits = append(edits, e)
		now.Value, now.Tag = want.server, "!!str"
	}
	return edits, nil
}
