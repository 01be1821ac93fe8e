package node

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// TestParseRealServers reads the kernel's own words.
func TestParseRealServers(t *testing.T) {
	t.Parallel()
	const head = "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n"
	one, two := netip.MustParseAddrPort("10.1.1.1:6443"), netip.MustParseAddrPort("10.1.1.2:6443")
	for _, c := range []struct {
		name, text string
		want       []RealServer
	}{
		{"nothing", "", nil},
		{"no virtual server", head, nil},
		{"kube-proxy's alone", head + "TCP  0A600001:01BB rr \n  -> 0A010101:192B      Masq    1      0          0         \n", nil},
		{"another mark", head + "FWM  00000001 rr \n  -> 0A010101:192B      Masq    1      0          0         \n", nil},
		{"no real server", head + "FWM  0000006B rr \n", []RealServer{}},
		{"beside kube-proxy's", virtualServer([]RealServer{{one, "Masq", 1, 7, 2}, {two, "Route", 0, 0, 0}}), []RealServer{{one, "Masq", 1, 7, 2}, {two, "Route", 0, 0, 0}}},
		{"what is none is left out", head + "FWM  0000006B rr \n  -> 0A0101:192B Masq 1 0 0\n  -> 0A010101:192B Masq 1 x 0\n  -> [fd10:0001::0001]:192B Masq 1 0 0\n  -> 0A010101:1192B Masq 1 0 0\n", []RealServer{}},
	} {
		got := parseRealServers(c.text)
		same(t, c.name, got, c.want)
		same(t, c.name+": there is one", got == nil, c.want == nil)
	}
}

// virtualServer is /proc/net/ip_vs, with kube-proxy's beside ours.
func virtualServer(directed []RealServer) string {
	var b strings.Builder
	b.WriteString("IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n")
	b.WriteString("TCP  0A600001:01BB rr \n  -> 0A010109:192B      Masq    1      0          0         \nFWM  0000006B rr \n")
	for _, d := range directed {
		ip := d.At.Addr().As4()
		fmt.Fprintf(&b, "  -> %02X%02X%02X%02X:%04X      %-7s %d      %-10d %-10d\n", ip[0], ip[1], ip[2], ip[3], d.At.Port(), d.Method, d.Weight, d.Active, d.Inactive)
	}
	b.WriteString("TCP  0A60000A:0035 rr \n  -> 0A010108:0035      Masq    1      0          0         \n")
	return b.String()
}
