package render

import (
	"fmt"
	"strconv"

	"github.com/kplb/kplb/inventory"
)

// readDirector wants a virtual server for what is marked, and every apiserver
// behind it, by NAT: with another method, a node that is sent a connection by
// the holder balances it again.
func readDirector(config []byte, c *inventory.Cluster) []error {
	all := statement{inner: parseKeepalived(config)}
	var server statement
	for _, s := range all.inner {
		if s.is("virtual_server") && s.word(1) == "fwmark" && s.word(2) == strconv.Itoa(DirectorMark) {
			server = s
		}
	}
	if server.line == 0 {
		return []error{fmt.Errorf("%s does not have virtual_server fwmark %d", KeepalivedPath, DirectorMark)}
	}
	var errs []error
	// keepalived's older and newer words; it is NAT where there is none
	if method := server.find("lb_kind", "lvs_method"); method.line > 0 && method.word(1) != "NAT" {
		errs = append(errs, fmt.Errorf("%s has %s %s: it has to be NAT", KeepalivedPath, method.word(0), method.word(1)))
	}
	servers := map[string]statement{}
	for _, inner := range server.inner {
		if inner.is("real_server") {
			servers[inner.word(1)+" "+inner.word(2)] = inner
		}
	}
	for _, n := range c.Nodes {
		want := fmt.Sprintf("%s %d", n.Address, c.Port)
		s, there := servers[want]
		switch {
		case !there:
			errs = append(errs, fmt.Errorf("%s does not have real_server %s", KeepalivedPath, want))
		case s.find("SSL_GET", "TCP_CHECK", "HTTP_GET", "MISC_CHECK").line == 0:
			errs = append(errs, fmt.Errorf("%s does not check real_server %s: it would get connections when it is down", KeepalivedPath, want))
		}
	}
	return errs
}
