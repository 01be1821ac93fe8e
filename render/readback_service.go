package render

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/kplb/kplb/inventory"
)

// rest is more of a line, up to a comment.
const rest = `[^#\n]*`

// wantServices asks for every line that a service does not work without.
func wantServices(c *inventory.Cluster, n inventory.Node, want func(form, what string)) {
	quoted := regexp.QuoteMeta
	for _, s := range c.Services {
		for _, at := range c.ServiceAddresses(s) {
			want(`bind\s+`+quoted(at.String()), fmt.Sprintf("bind %s of service %s", at, s.Name))
		}
		for _, backend := range c.Backends(s) {
			server := hostport(backend.Address, s.NodePort)
			form, what := `server\s+\S+\s+`+quoted(server), fmt.Sprintf("a server %s of service %s", server, s.Name)
			if s.ProxyProtocol {
				form, what = form+`\b`+rest+`\ssend-proxy-v2`, what+", with send-proxy-v2"
			}
			want(form, what)
		}
		for _, source := range s.SourceRanges {
			want(rest+`\bsrc\s`+rest+quoted(source.String()), fmt.Sprintf("src %s of service %s", source, s.Name))
		}
		if s.SessionAffinity == inventory.ClientIP {
			expire := fmt.Sprintf("expire %ds", s.TimeoutSeconds)
			want(`stick-table\s`+rest+`\b`+strings.Replace(expire, " ", `\s+`, 1), fmt.Sprintf("a stick-table with %s of service %s", expire, s.Name))
		}
	}
	if !c.NeedsPeers() {
		return
	}
	want(`localpeer\s+`+quoted(n.Name), "localpeer "+n.Name)
	for _, peer := range c.Nodes {
		is := peer.Name + " " + hostport(peer.Address, c.HAProxy.PeersPort)
		want(`(peer|server)\s+`+strings.ReplaceAll(quoted(is), " ", `\s+`), "the peer "+is)
	}
}

func serviceBinds(c *inventory.Cluster) []string {
	var out []string
	for _, s := range c.Services {
		for _, at := range c.ServiceAddresses(s) {
			out = append(out, at.String())
		}
	}
	return out
}
