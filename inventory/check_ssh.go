package inventory

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/kplb/kplb/source"
)

// readNodeSSH is how to log in to one node: what the node says, and for the rest
// what all nodes share.
func readNodeSSH(c *source.Collector, d *nodeSSHDocument, all SSH) SSH {
	own := readSSH(c, &d.sshDocument)
	own.Host = source.Read(c, d.Host, sshHost, "")
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

func readSSH(c *source.Collector, d *sshDocument) SSH {
	return SSH{
		User:          source.Read(c, d.User, userName, ""),
		Port:          source.Read(c, d.Port, source.PortNumber, 0),
		IdentityFiles: readAll(c, d.IdentityFile.Items, operatorPath),
		ProxyJump:     readAll(c, hops(d.ProxyJump), sshHop),
	}
}

// longestList is more than anybody writes of key files, jumps or arguments.
const longestList = 64

// readAll is read for every one of a list.
func readAll[T any](c *source.Collector, items []source.Scalar, parse source.Parser[T]) []T {
	if len(items) > longestList {
		c.Add(items[0].Pos, fmt.Sprintf("%s is one of %d values", items[0].Path, len(items)), fmt.Sprintf("write at most %d", longestList))
		return nil
	}
	var out []T
	for _, s := range items {
		var none T
		out = append(out, source.Read(c, s, parse, none))
	}
	return out
}

// hops splits "a,b", which ssh_config writes for a jump through two hosts.
func hops(w source.Words) []source.Scalar {
	if w.List || len(w.Items) != 1 || !w.Items[0].OK {
		return w.Items
	}
	var out []source.Scalar
	for part := range strings.SplitSeq(w.Items[0].Text, ",") {
		hop := w.Items[0]
		hop.Text = part
		out = append(out, hop)
	}
	return out
}

// sshHost parses what ssh takes for a host: an address, a name or an alias of
// ssh_config.
func sshHost(s source.Scalar) (string, *source.Fault) {
	if addr, err := netip.ParseAddr(s.Text); err == nil {
		if addr.Zone() != "" || addr.Is4In6() || addr.IsUnspecified() || addr.IsMulticast() {
			return "", source.Refuse("is not the address of a host", "write a unicast address without a zone")
		}
		return s.Text, nil
	}
	if s.Text != "" && !isHostName(s.Text) {
		return "", source.Refuse("is not a host", "write an address, a name or an alias of ssh_config: letters, digits, ., _ and -")
	}
	return s.Text, source.Literal(s)
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
func sshHop(s source.Scalar) (string, *source.Fault) {
	if f := source.Literal(s); f != nil {
		return "", f
	}
	bad := source.Refuse("is not a host to jump through", "write [user@]host[:port]")
	host := s.Text
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
		return s.Text, nil
	}
	host, port, hasPort := strings.Cut(host, ":")
	if hasPort && !isPort(port, true) {
		return "", bad
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is4() {
		return s.Text, nil
	}
	if host == "" || !isHostName(host) {
		return "", bad
	}
	return s.Text, nil
}

func isPort(s string, colon bool) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return colon && err == nil && n > 0 && source.IsDecimal(s)
}
