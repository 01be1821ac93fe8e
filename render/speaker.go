package render

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kplb/kplb/inventory"
)

// Speaker is what its rendered files make of a node when keepalived elects the
// holder of the VIP. It is read from the files, whichever template made them.
type Speaker struct {
	Node      string
	State     string // BACKUP or MASTER
	Priority  int    // without what checks add
	NoPreempt bool   // does not take the VIP from a lower priority

	version, vrid int
	auth          string
	advert        time.Duration
	source        netip.Addr
	peers         []netip.Addr // none: multicast
	checks        []check
	lines         map[string]int // of keywords in keepalived.conf

	VIP      netip.Addr // that it is read for
	instance string     // its vrrp_instance
}

// ReadSpeaker reads keepalived.conf, and the drop-in of haproxy.service, which
// writes what keepalived tracks. Several instances: the one with the VIP counts.
func ReadSpeaker(c *inventory.Cluster, n inventory.Node, vip netip.Addr, keepalived, haproxyUnit []byte) (Speaker, error) {
	all := statement{inner: parseKeepalived(keepalived)}
	i := slices.IndexFunc(all.inner, func(s statement) bool { return s.is("vrrp_instance") && holdsAddress(s, vip) })
	if i < 0 {
		return Speaker{}, &Unsound{
			Node: n.Name, Path: KeepalivedPath, Line: 1, What: "no vrrp_instance has the VIP " + vip.String(),
			Cure: "write it as `kplb templates keepalived.conf.tmpl` does",
		}
	}
	in := all.inner[i]
	if group := all.find("vrrp_sync_group"); group.line > 0 && len(c.VIPs) > 1 {
		return Speaker{}, &Unsound{
			Node: n.Name, Path: KeepalivedPath, Line: group.line, What: "a vrrp_sync_group ties instances together, and nobody knows what comes of it",
			Cure: "write VIPs that move together into one vrrp_instance, as `kplb templates keepalived.conf.tmpl` does: see docs/decisions/0010-several-vips.md",
		}
	}
	s := Speaker{
		Node: n.Name, VIP: vip, instance: in.word(1), State: "BACKUP", source: announcer(n, in, vip), lines: map[string]int{"": in.line},
		Priority: s2i(in.find("priority").word(1), 100), vrid: s2i(in.find("virtual_router_id").word(1), 0),
		version: s2i(in.find("version").word(1), s2i(all.find("global_defs").find("vrrp_version").word(1), 2)),
		advert:  time.Second,
	}
	for _, inner := range in.inner {
		s.lines[inner.word(0)] = inner.line
	}
	if in.find("state").word(1) == "MASTER" {
		s.State = "MASTER"
	}
	s.NoPreempt = in.find("nopreempt", "preempt").is("nopreempt")
	if seconds, err := strconv.ParseFloat(in.find("advert_int").word(1), 64); err == nil && seconds > 0 {
		s.advert = time.Duration(seconds * float64(time.Second)).Round(time.Millisecond)
	}
	auth := in.find("authentication")
	s.auth = strings.Join(append(auth.find("auth_type").words, auth.find("auth_pass").words...), " ")
	if a, err := netip.ParseAddr(in.find("unicast_src_ip").word(1)); err == nil {
		s.source = a
	}
	for _, peer := range in.find("unicast_peer").inner {
		if a, err := netip.ParseAddr(peer.word(0)); err == nil {
			s.peers = append(s.peers, a)
		}
	}
	s.checks = readChecks(all, in, haproxyUnit)
	return s, nil
}

// announcer is the node's address in the family of the adverts: that of the
// first virtual_ipaddress.
func announcer(n inventory.Node, instance statement, vip netip.Addr) netip.Addr {
	for _, inner := range instance.find("virtual_ipaddress").inner {
		if p, err := netip.ParsePrefix(inner.word(0)); err == nil {
			vip = p.Addr()
			break
		}
	}
	if a := n.AddressFor(vip); a.IsValid() {
		return a
	}
	return n.Address
}

// holdsAddress says whether an instance brings the address up.
func holdsAddress(instance statement, a netip.Addr) bool {
	for _, block := range instance.inner {
		for _, inner := range block.inner {
			word, _, _ := strings.Cut(inner.word(0), "/")
			address, err := netip.ParseAddr(word) // however it is written
			if block.is("virtual_ipaddress", "virtual_ipaddress_excluded") && err == nil && address == a {
				return true
			}
		}
	}
	return false
}

// s2i reads a number; what is none is left to `keepalived -t`.
func s2i(word string, otherwise int) int {
	if n, err := strconv.Atoi(word); err == nil {
		return n
	}
	return otherwise
}

// deafTo says why a speaker does not take the other one's adverts; empty: it
// does (domain: one-way loss, other passwords and other versions all end in
// two holders).
func (s Speaker) deafTo(other Speaker) string {
	switch {
	case s.vrid != other.vrid:
		return fmt.Sprintf("virtual_router_id %d here, %d there", s.vrid, other.vrid)
	case s.version != other.version:
		return fmt.Sprintf("VRRP version %d here, %d there", s.version, other.version)
	case s.auth != other.auth:
		return "another authentication here than there"
	case (s.peers == nil) != (other.peers == nil):
		return map[bool]string{true: "multicast here, unicast there", false: "unicast here, multicast there"}[s.peers == nil]
	case s.peers != nil && !slices.Contains(other.peers, s.source):
		return fmt.Sprintf("the unicast_peer of %s does not have %s", other.Node, s.source)
	}
	return ""
}
