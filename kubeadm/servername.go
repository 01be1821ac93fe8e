package kubeadm

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v4"
)

// serverNameKey has the name that the server's certificate has to be for, where
// that is not the host of its URL.
const serverNameKey = "tls-server-name"

// SetEndpointAs is SetEndpoint for a server that is reached at an address which
// its certificate does not name: tls-server-name is added with a name that it
// does. One that is there already stays.
func SetEndpointAs(source, ca []byte, server, name string) ([]byte, error) {
	if !isServer(server) {
		return nil, fmt.Errorf("cannot take %q as server, which is https://host:port", server)
	}
	if !isHost(name) {
		return nil, fmt.Errorf("cannot take %q as %s, which is the name of a host", name, serverNameKey)
	}
	return setServers(source, ca, func(cluster named) aim {
		written, err := text(cluster.body, serverNameKey)
		return aim{server: server, name: name, named: err == nil && written == ""}
	})
}

// aim is what a cluster of a kubeconfig is to point at.
type aim struct {
	server string // empty: it stays, and so does the name
	name   string // tls-server-name; empty: none
	named  bool   // name counts, or else what is there stays
}

// reached says whether the cluster points there already.
func (a aim) reached(cluster named) bool {
	now, name := child(cluster.body, "server"), child(cluster.body, serverNameKey)
	return now != nil && now.Value == a.server && (!a.named || valueOf(name) == a.name)
}

func valueOf(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	return n.Value
}

// setServerName edits tls-server-name in a cluster that is written in block
// style and has a server, whose own edit is yet to be made.
func (c *kubeconfig) setServerName(body *yaml.Node, name string) ([]edit, error) {
	key, now := entry(body, serverNameKey)
	switch {
	case valueOf(now) == name:
		return nil, nil
	case name == "":
		return c.withoutEntry(body, key, now)
	case now != nil:
		e, err := c.set(now, serverNameKey, name)
		now.Value, now.Tag = name, "!!str"
		return []edit{e}, err
	}
	before, server := entry(body, "server")
	indent, err := c.indent(before)
	if err != nil {
		return nil, err
	}
	if _, _, err := c.span(server, "server"); err != nil {
		return nil, err
	}
	added := []*yaml.Node{{Kind: yaml.ScalarNode, Tag: "!!str", Value: serverNameKey}, {Kind: yaml.ScalarNode, Tag: "!!str", Value: name}}
	body.Content = slices.Insert(body.Content, slices.Index(body.Content, server)+1, added...)
	return []edit{c.below(server.Line, indent+serverNameKey+": "+scalar(name))}, nil
}
