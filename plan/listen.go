package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/node"
)

// frontendsIn are the addresses at which a haproxy.cfg binds VIPs.
func frontendsIn(config []byte, vips []netip.Addr) []netip.AddrPort {
	var out []netip.AddrPort
	for _, vip := range vips {
		if at := haproxy.Parse(config).BindOf(vip); at.IsValid() {
			out = append(out, at)
		}
	}
	return out
}

// ListenAddress is where the apiserver of a manifest listens: ADDRESS:PORT, or
// *:PORT for every address. It is empty where the manifest does not say.
func ListenAddress(d distribution.Distribution, manifest []byte, port uint16) string {
	value, bound, err := d.BindAddress(manifest)
	if err != nil {
		return ""
	}
	address, err := netip.ParseAddr(value)
	if !bound || err == nil && address.IsUnspecified() {
		return AnyAddress(port)
	}
	if err != nil {
		return ""
	}
	return netip.AddrPortFrom(address, port).String()
}

// ListenAddrPort is the result of ListenAddress as an address, which is unspecified
// for every address.
func ListenAddrPort(listen string, port uint16) netip.AddrPort {
	if at, err := netip.ParseAddrPort(listen); err == nil {
		return at
	}
	return netip.AddrPortFrom(netip.IPv6Unspecified(), port)
}

// AnyAddress is what ListenAddress returns for an apiserver that listens on every
// address.
func AnyAddress(port uint16) string { return fmt.Sprintf("*:%d", port) }

// APIServerListens says whether the apiserver listens at that result of
// ListenAddress, and nowhere else.
func APIServerListens(f *node.Facts, where string) bool {
	if at, err := netip.ParseAddrPort(where); err == nil {
		return f.Bound(at)
	}
	apiserver := f.Distribution.Layout().APIServerProcess
	return slices.ContainsFunc(f.Listeners, func(l node.Listener) bool {
		return l.Process == apiserver && l.Address.Addr().IsUnspecified() && AnyAddress(l.Address.Port()) == where
	})
}

// runsAPIServer says whether the node's apiserver listens anywhere.
func runsAPIServer(f *node.Facts, port uint16) bool {
	return slices.ContainsFunc(f.Listeners, func(l node.Listener) bool {
		return l.Process == f.Distribution.Layout().APIServerProcess && l.Address.Port() == port
	})
}
