package inventory

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// readNodeSSH is how to log in to one node: what the node says, and for the rest
// what all nodes share.
func readNodeSSH(c *collector, d *nodeSSHDocument, all SSH) SSH {
	own := readSSH(c, &d.sshDocument)
	own.Host = read(c, d.Host, sshHost, "")
	if own.User == "" {
		own.User = all.User
	}
	if own.Port == 0 {
		own.Port = all.Port
	}
	if own.IdentityFiles == nil {
		own.IdentityFiles = all.IdentityFiles
	}
	if own.ProxyJump == nil {
		own.ProxyJump = all.ProxyJump
	}
	return own
}

func readSSH(c *collector, d *sshDocument) SSH {
	return SSH{
		User:          read(c, d.User, userName, ""),
		Port:          read(c, d.Port, portNumber, 0),
		IdentityFiles: readAll(c, d.IdentityFile.items, operatorPath),
		ProxyJump:     readAll(c, d.ProxyJump.hops(), sshHop),
	}
}

// longestList is more than anybody writes of key files, jumps or arguments.
const longestList = 64

// readAll is read for every one of a list.
func readAll[T any](c *collector, items []scalar, parse parser[T]) []T {
	if len(items) > longestList {
		c.add(items[0].at, fmt.Sprintf("%s is one of %d values", items[0].path, len(items)), fmt.Sprintf("write at most %d", longestList))
		return nil
	}
	var out []T
	for _, s := range items {
		var none T
		out = append(out, read(c, s, parse, none))
	}
	return out
}

// hops splits "a,b", which ssh_config writes for a jump through two hosts.
func (w words) hops() []scalar {
	if w.list || len(w.items) != 1 || !w.items[0].ok {
		return w.items
	}
	var hops []scalar
	for part := range strings.SplitSeq(w.items[0].text, ",") {
		hop := w.items[0]
		hop.text = part
		hops = append(hops, hop)
	}
	return hops
}

// sshHost parses what ssh takes for a host: an address, a name or an alias of
// ssh_config.
func sshHost(s scalar) (string, *fault) {
	if addr, err := netip.ParseAddr(s.text); err == nil {
		if addr.Zone() != "" || addr.Is4In6() || addr.IsUnspecified() || addr.IsMulticast() {
			return "", &fault{"is not the address of a host", "write a unicast address without a zone"}
		}
		return s.text, nil
	}
	if s.text != "" && !isHostName(s.text) {
		return "", &fault{"is not a host", "write an address, a name or an alias of ssh_config: letters, digits, ., _ and -"}
	}
	return s.text, literal(s)
}

// numeric is a last label that the C library reads as a number, and so the
// whole name as an IPv4 address in some other notation.
var numeric = regexp.MustCompile(`^([0-9]+|0[xX][0-9a-fA-F]*)$`)

func isHostName(s string) bool {
	last := s[strings.LastIndex(s, ".")+1:]
	return len(s) <= 253 && hostChars.MatchString(s) && !strings.Contains(s, "..") && last != "" && !numeric.MatchString(last)
}

// sshHop parses [user@]host[:port]. The word none, which undoes a jump that
// ssh_config asks for, is a host name like any other here.
func sshHop(s scalar) (string, *fault) {
	if f := literal(s); f != nil {
		return "", f
	}
	bad := &fault{"is not a host to jump through", "write [user@]host[:port]"}
	host := s.text
	if user, rest, ok := strings.Cut(host, "@"); ok {
		if !userChars.MatchString(user) {
			return "", bad
		}
		host = rest
	}
	if rest, ok := strings.CutPrefix(host, "["); ok { // an IPv6 address
		addr, rest, closed := strings.Cut(rest, "]")
		if a, err := netip.ParseAddr(addr); !closed || err != nil || !a.Is6() || a.Zone() != "" {
			return "", bad
		}
		if rest != "" && !isPort(strings.TrimPrefix(rest, ":"), strings.HasPrefix(rest, ":")) {
			return "", bad
		}
		return s.text, nil
	}
	host, port, hasPort := strings.Cut(host, ":")
	if hasPort && !isPort(port, true) {
		return "", bad
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is4() {
		return s.text, nil
	}
	if host == "" || !isHostName(host) {
		return "", bad
	}
	return s.text, nil
}

func isPort(s string, colon bool) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return colon && err == nil && n > 0 && decimal.MatchString(s)
}
