package haproxy

import (
	"errors"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
)

// MaxConn is how many connections at once the global section allows, 0 where it
// does not say. `haproxy -c` accepts any number, and a reload with too many hangs.
func (c Config) MaxConn() uint64 {
	most := uint64(0)
	for _, s := range c {
		for _, l := range s.Lines {
			if s.ID() != "global" || !l.Is("maxconn") || len(l.Words) < 2 {
				continue
			}
			n, err := strconv.ParseUint(l.Words[1], 10, 32)
			if err != nil && errors.Is(err, strconv.ErrRange) {
				n = math.MaxUint32
			}
			most = max(most, n)
		}
	}
	return most
}

// Binds lists the addresses that HAProxy listens on, in the order of the file,
// as far as they are written as ADDRESS:PORT.
func (c Config) Binds() []netip.AddrPort {
	var out []netip.AddrPort
	for _, l := range c.Lines("bind") {
		if len(l.Words) < 2 {
			continue
		}
		if at, err := netip.ParseAddrPort(l.Words[1]); err == nil {
			out = append(out, at)
		}
	}
	return out
}

// BindOf is the first of the Binds that has the address; not valid if none has.
func (c Config) BindOf(address netip.Addr) netip.AddrPort {
	for _, at := range c.Binds() {
		if at.Addr() == address {
			return at
		}
	}
	return netip.AddrPort{}
}

// Server is a server line.
type Server struct {
	Name    string
	Address string   // as it is written, mostly ADDRESS:PORT
	Options []string // what follows
}

// Servers lists the server lines of all backends.
func (c Config) Servers() []Server {
	var out []Server
	for _, l := range c.Lines("server") {
		if len(l.Words) > 2 {
			out = append(out, Server{l.Words[1], l.Words[2], l.Words[3:]})
		}
	}
	return out
}

var statusList = regexp.MustCompile(`^[0-9,]+$`)

// ExpectedStatus is the list of HTTP statuses that a health check accepts,
// "200,401"; empty where no line says so.
func (c Config) ExpectedStatus() string {
	for _, l := range c.Lines("http-check", "expect", "status") {
		if len(l.Words) == 4 && statusList.MatchString(l.Words[3]) {
			return l.Words[3]
		}
	}
	return ""
}

// CheckedPath is the path that a line has health checks ask for, empty if the
// line is about something else: `http-check send ... uri PATH` or `option httpchk
// [METHOD] PATH ...`.
func (l Line) CheckedPath() string {
	switch {
	case l.Is("http-check"):
		if i := slices.Index(l.Words, "uri"); i > 0 && i+1 < len(l.Words) {
			return l.Words[i+1]
		}
	case l.Is("option", "httpchk") && len(l.Words) > 2:
		return l.Words[min(3, len(l.Words)-1)]
	}
	return ""
}
