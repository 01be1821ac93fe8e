package render

import (
	"fmt"
	"regexp"
	"slices"
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

// sectionsOf are the frontends on the given addresses, and their backends,
// wherever these stand.
func sectionsOf(config []byte, binds []string) map[string]bool {
	out, section, backends := map[string]bool{}, "", map[string][]string{}
	for line := range strings.Lines(string(config)) {
		words := strings.Fields(line)
		switch {
		case len(words) < 2 || strings.HasPrefix(words[0], "#"):
		case line[0] != ' ' && line[0] != '\t':
			section = words[0] + " " + words[1]
		case words[0] == "bind":
			out[section] = out[section] || slices.ContainsFunc(words[1:], func(w string) bool { return slices.Contains(binds, w) })
		case words[0] == "default_backend", words[0] == "use_backend":
			backends[section] = append(backends[section], "backend "+words[1])
		}
	}
	for section, its := range backends {
		if !out[section] {
			continue
		}
		for _, backend := range its {
			out[backend] = true
		}
	}
	return out
}
