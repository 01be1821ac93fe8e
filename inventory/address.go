package inventory

import (
	"net/netip"
	"strings"

	"github.com/kplb/kplb/source"
)

// addressOnly parses a unicast address without a prefix.
func addressOnly(s source.Scalar) (netip.Addr, *source.Fault) {
	if before, _, ok := strings.Cut(s.Text, "/"); ok {
		if _, err := netip.ParseAddr(before); err == nil {
			return netip.Addr{}, source.Refuse("has a prefix length", "write the address alone: "+before)
		}
	}
	return unicast(s.Text)
}

// addressInSubnet parses a unicast address that may say how long its subnet's
// prefix is. Without one, the answer has the prefix length 32, or 128.
func addressInSubnet(s source.Scalar) (netip.Prefix, *source.Fault) {
	host, _, hasPrefix := strings.Cut(s.Text, "/")
	addr, f := unicast(host)
	if f != nil || !hasPrefix {
		return netip.PrefixFrom(addr, addr.BitLen()), f
	}
	p, err := netip.ParsePrefix(s.Text)
	switch {
	case addr.Is6() && (err != nil || p.Bits() < 1 || p.Bits() > 127):
		return netip.Prefix{}, source.Refuse("has a bad prefix length", "write one from 1 to 127, as in fd10:1::1/64, or none")
	case addr.Is6() && addr == p.Masked().Addr() && p.Bits() < 127: // RFC 4291, 2.6.1: the routers'; RFC 6164
		return netip.Prefix{}, source.Refuse("is the address of its own network", "write the node's address")
	case addr.Is6():
		return p, nil
	case err != nil || p.Bits() < 1 || p.Bits() > 30:
		return netip.Prefix{}, source.Refuse("has a bad prefix length", "write one from 1 to 30, as in 10.1.1.1/16, or none")
	case addr == p.Masked().Addr():
		return netip.Prefix{}, source.Refuse("is the address of its own network", "write the node's address")
	case addr == lastOf(p):
		return netip.Prefix{}, source.Refuse("is the broadcast address of its network", "write the node's address")
	}
	return p, nil
}

// unicast parses an address that a host can have and others can reach.
func unicast(s string) (netip.Addr, *source.Fault) {
	const example = "write an address like 10.1.1.1 or fd10:1::1"
	addr, err := netip.ParseAddr(s)
	switch {
	case s == "":
		return netip.Addr{}, source.Refuse("is empty", example)
	case err == nil && addr.Is4In6():
		return netip.Addr{}, source.Refuse("is an IPv4 address inside an IPv6 one", "write "+addr.Unmap().String())
	case err == nil && addr.Zone() != "":
		return netip.Addr{}, source.Refuse("has a zone", "write an address that other hosts can reach, without %")
	case err != nil && leadingZero(s):
		return netip.Addr{}, source.Refuse("has a number with a leading zero, which some programs take for octal", "write it in plain decimal")
	case err != nil:
		return netip.Addr{}, source.Refuse("is not an IP address", example)
	}
	if why := unreachable(addr); why != "" {
		return netip.Addr{}, source.Refuse("is "+why, "write an address that other hosts can reach")
	}
	return addr, nil
}

// unreachable says why no other host can reach a, if so.
func unreachable(a netip.Addr) string {
	first := a.AsSlice()[0]
	switch {
	case a.IsUnspecified():
		return "the unspecified address"
	case a.IsLoopback():
		return "a loopback address"
	case a.IsLinkLocalUnicast():
		return "a link-local address"
	case a.IsMulticast():
		return "a multicast address"
	case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "the broadcast address"
	case first == 0 || a.Is4() && first >= 240:
		return "a reserved address"
	}
	return ""
}

// leadingZero is true for dotted decimals like 010.0.0.1.
func leadingZero(s string) bool {
	parts := strings.Split(s, ".")
	zero := false
	for _, p := range parts {
		if p == "" || strings.Trim(p, "0123456789") != "" {
			return false
		}
		zero = zero || len(p) > 1 && p[0] == '0'
	}
	return zero && len(parts) == 4
}

// lastOf is the highest address of an IPv4 subnet: its broadcast address.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	return netip.AddrFrom4(b)
}
