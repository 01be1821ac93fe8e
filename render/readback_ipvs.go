package render

import (
	"fmt"
	"strconv"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/keepalived"
)

// readBackIPVS wants a virtual server for what is marked, and every apiserver
// behind it, by NAT: with another method, a node that is sent a connection by
// the holder balances it again.
func readBackIPVS(config []byte, c *inventory.Cluster) []error {
	all := keepalived.Parse(config)
	var server keepalived.Statement
	for _, s := range all.All("virtual_server") {
		if s.Word(1) == "fwmark" && s.Word(2) == strconv.Itoa(IPVSMark) {
			server = s
		}
	}
	if server.Line == 0 {
		return []error{fmt.Errorf("%s does not have virtual_server fwmark %d", KeepalivedPath, IPVSMark)}
	}
	var errs []error
	// keepalived's older and newer words; it is NAT where there is none
	if method := server.Find("lb_kind", "lvs_method"); method.Line > 0 && method.Word(1) != "NAT" {
		errs = append(errs, fmt.Errorf("%s has %s %s: it has to be NAT", KeepalivedPath, method.Word(0), method.Word(1)))
	}
	servers := map[string]keepalived.Statement{}
	for _, s := range server.All("real_server") {
		servers[s.Word(1)+" "+s.Word(2)] = s
	}
	for _, n := range c.Nodes {
		want := fmt.Sprintf("%s %d", n.Address, c.Port)
		s, there := servers[want]
		switch {
		case !there:
			errs = append(errs, fmt.Errorf("%s does not have real_server %s", KeepalivedPath, want))
		case s.Find("SSL_GET", "TCP_CHECK", "HTTP_GET", "MISC_CHECK").Line == 0:
			errs = append(errs, fmt.Errorf("%s does not check real_server %s: it would get connections when it is down", KeepalivedPath, want))
		}
	}
	return errs
}
