package keepalived

import (
	"net/netip"
	"regexp"
)

// RealServer is a real server of a virtual server, with the name that a comment
// on the line before gives it.
type RealServer struct {
	Name    string
	Address netip.AddrPort
}

var realServerForm = regexp.MustCompile(`(?m)^\s+# ([a-z0-9.-]+)\n\s+real_server (\S+) (\d+) \{$`)

// NamedRealServers lists the real servers that have a name, as the built-in
// template writes them.
func NamedRealServers(text []byte) []RealServer {
	var out []RealServer
	for _, m := range realServerForm.FindAllSubmatch(text, -1) {
		if at, err := netip.ParseAddrPort(string(m[2]) + ":" + string(m[3])); err == nil {
			out = append(out, RealServer{string(m[1]), at})
		}
	}
	return out
}
