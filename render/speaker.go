package render

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/keepalived"
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
func ReadSpeaker(c *inventory.Cluster, n inventory.Node, vip netip.Addr, config, haproxyUnit []byte) (Speaker, error) {
	all := keepalived.Parse(config)
	i := slices.IndexFunc(all.Inner, func(s keepalived.Statement) bool { return s.Is("vrrp_instance") && holdsAddress(s, vip) })
	if i < 0 {
		return Speaker{}, &Unsound{
			Node: n.Name, Path: KeepalivedPath, Line: 1, What: "no vrrp_instance has the VIP " + vip.String(),
			Cure: "write it as `kplb templates keepalived.conf.tmpl` does",
		}
	}
	in := all.Inner[i]
	if group := all.Find("vrrp_sync_group"); group.Line > 0 && len(c.VIPs) > 1 {
		return Speaker{}, &Unsound{
			Node: n.Name, Path: KeepalivedPath, Line: group.Line, What: "a vrrp_sync_group ties instances together, and nobody knows what comes of it",
			Cure: "write VIPs that move together into one vrrp_instance, as `kplb templates keepalived.conf.tmpl` does: see docs/decisions/0010-several-vips.md",
		}
	}
	s := Speaker{
		Node: n.Name, VIP: vip, instance: in.Word(1), State: "BACKUP", source: announcer(n, in, vip), lines: map[string]int{"": in.Line},
		Priority: s2i(in.Find("priority").Word(1), 100), vrid: s2i(in.Find("virtual_router_id").Word(1), 0),
		version: s2i(in.Find("version").Word(1), s2i(all.Find("global_defs").Find("vrrp_version").Word(1), 2)),
		advert:  time.Second,
	}
	for _, inner := range in.Inner {
		s.lines[inner.Word(0)] = inner.Line
	}
	if in.Find("state").Word(1) == "MASTER" {
		s.State = "MASTER"
	}
	s.NoPreempt = in.Find("nopreempt", "preempt").Is("nopreempt")
	if seconds, err := strconv.ParseFloat(in.Find("advert_int").Word(1), 64); err == nil && seconds > 0 {
		s.advert = time.Duration(seconds * float64(time.Second)).Round(time.Millisecond)
	}
	auth := in.Find("authentication")
	s.auth = strings.Join(append(auth.Find("auth_type").Words, auth.Find("auth_pass").Words...), " ")
	if a, err := netip.ParseAddr(in.Find("unicast_src_ip").Word(1)); err == nil {
		s.source = a
	}
	for _, peer := range in.Find("unicast_peer").Inner {
		if a, err := netip.ParseAddr(peer.Word(0)); err == nil {
			s.peers = append(s.peers, a)
		}
	}
	s.checks = readChecks(all, in, haproxyUnit)
	return s, nil
}

// announcer is the node's address in the family of the adverts: that of the
// first virtual_ipaddress.
func announcer(n inventory.Node, instance keepalived.Statement, vip netip.Addr) netip.Addr {
	for _, inner := range instance.Find("virtual_ipaddress").Inner {
		if p, err := netip.ParsePrefix(inner.Word(0)); err == nil {
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
func holdsAddress(instance keepalived.Statement, a netip.Addr) bool {
	return slices.Contains(instance.Addresses("virtual_ipaddress"), a) || slices.Contains(instance.Addresses("virtual_ipaddress_excluded"), a)
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
