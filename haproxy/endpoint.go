package haproxy

import (
	"net/netip"
	"strconv"
	"strings"
)

// endpoint is where HAProxy listens, as a bind line has it (configuration manual, 4.2):
// [FAMILY@][ADDRESS]:PORT[-PORT], or something else, of which only the text is known.
type endpoint struct {
	text        string     // as it is written, with * for every address
	address     netip.Addr // not valid: every one
	first, last uint16     // 0: it is no port
}

// families are those before an @ that have an address and a port.
var families = []string{"ipv4@", "ipv6@", "tcp@", "tcp4@", "tcp6@", "mptcp@", "mptcp4@", "mptcp6@"}

func parseEndpoint(word string) endpoint {
	plain := word
	for _, f := range families {
		plain = strings.TrimPrefix(plain, f)
	}
	colon := strings.LastIndexByte(plain, ':')
	if colon < 0 {
		return endpoint{text: word}
	}
	host, ports := plain[:colon], plain[colon+1:]
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	low, high, isRange := strings.Cut(ports, "-")
	if !isRange {
		high = low
	}
	first, err := strconv.ParseUint(low, 10, 16)
	last, errLast := strconv.ParseUint(high, 10, 16)
	address, errAddress := netip.ParseAddr(host)
	everywhere := host == "" || host == "*" || errAddress == nil && address.IsUnspecified()
	switch {
	case everywhere && (err != nil || errLast != nil):
		return endpoint{text: "*:" + ports}
	case everywhere:
		return endpoint{text: "*:" + ports, first: uint16(first), last: uint16(last)}
	case err != nil || errLast != nil || errAddress != nil:
		return endpoint{text: word}
	}
	return endpoint{text: plain, address: address.Unmap(), first: uint16(first), last: uint16(last)}
}

// covers says whether whoever connects to the other one may connect to this one.
func (e endpoint) covers(other endpoint) bool {
	if e.first == 0 || other.first == 0 || other.first < e.first || other.last > e.last {
		return false
	}
	return !e.address.IsValid() || e.address == other.address
}

// ListensAt says whether it listens at exactly this address.
func (s Served) ListensAt(at netip.AddrPort) bool {
	return s.at.address == at.Addr() && s.at.first == at.Port() && s.at.last == at.Port()
}

// ListensEverywhere says whether it listens at this port of every address.
func (s Served) ListensEverywhere(port uint16) bool {
	return !s.at.address.IsValid() && s.at.first == port && s.at.last == port
}
