package vrrp

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/keepalived"
)

// Files is what the files of a node say that decide its part in an election.
type Files struct {
	Keepalived  []byte // keepalived.conf
	HAProxyUnit []byte // the drop-in of haproxy.service, which writes a file that keepalived tracks
}

// ReadCluster reads the speakers of all nodes of the control plane, one for
// each node and VIP. Its error joins a *Problem for each that takes no part in
// the election.
func ReadCluster(c *inventory.Cluster, files func(node string) Files) ([]Speaker, error) {
	var out []Speaker
	var errs []error
	for _, n := range c.Nodes {
		speakers, problems := readNode(c, n, files(n.Name))
		out, errs = append(out, speakers...), append(errs, problems...)
	}
	return out, errors.Join(errs...)
}

// ReadNode reads the speakers of one node, one for each VIP. Its error joins a
// *Problem for each VIP in whose election the node takes no part.
func ReadNode(c *inventory.Cluster, n inventory.Node, files Files) ([]Speaker, error) {
	out, errs := readNode(c, n, files)
	return out, errors.Join(errs...)
}

func readNode(c *inventory.Cluster, n inventory.Node, files Files) (out []Speaker, errs []error) {
	for _, vip := range c.VIPs {
		s, err := readSpeaker(c, n, vip, files)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, s)
	}
	return out, errs
}

// readSpeaker reads the first instance that has the VIP. What keepalived.conf
// leaves out has the value that keepalived gives it.
func readSpeaker(c *inventory.Cluster, n inventory.Node, vip netip.Addr, files Files) (Speaker, error) {
	config := keepalived.Parse(files.Keepalived)
	instances := config.All("vrrp_instance")
	i := slices.IndexFunc(instances, func(in keepalived.Statement) bool { return hasVIP(in, vip) })
	if i < 0 {
		return Speaker{}, &Problem{
			Node: n.Name, Path: keepalived.ConfigPath, Line: 1, What: "no vrrp_instance has the VIP " + vip.String(),
			hint: "write it as `kplb templates keepalived.conf.tmpl` does",
		}
	}
	in := instances[i]
	if group := config.Find("vrrp_sync_group"); group.Line > 0 && len(c.VIPs) > 1 {
		return Speaker{}, &Problem{
			Node: n.Name, Path: keepalived.ConfigPath, Line: group.Line, What: "a vrrp_sync_group ties instances together, and nobody knows what comes of it",
			hint: "write VIPs that move together into one vrrp_instance, as `kplb templates keepalived.conf.tmpl` does: see docs/decisions/0010-several-vips.md",
		}
	}
	s := Speaker{
		Node: n.Name, VIP: vip, instance: in.Word(1), State: "BACKUP", lines: map[string]int{"": in.Line},
		Priority: number(in.Find("priority").Word(1), 100), vrid: number(in.Find("virtual_router_id").Word(1), 0),
		version: number(in.Find("version").Word(1), number(config.Find("global_defs").Find("vrrp_version").Word(1), 2)),
		advert:  advertInterval(in), source: sourceOf(n, in, vip), checks: readChecks(config, in, files.HAProxyUnit),
	}
	for _, inner := range in.Inner {
		s.lines[inner.Word(0)] = inner.Line
	}
	if in.Find("state").Word(1) == "MASTER" {
		s.State = "MASTER"
	}
	s.NoPreempt = in.Find("nopreempt", "preempt").Is("nopreempt")
	auth := in.Find("authentication")
	s.auth = strings.Join(append(auth.Find("auth_type").Words, auth.Find("auth_pass").Words...), " ")
	for _, peer := range in.Find("unicast_peer").Inner {
		if a, err := netip.ParseAddr(peer.Word(0)); err == nil {
			s.peers = append(s.peers, a)
		}
	}
	return s, nil
}

// hasVIP says whether an instance brings the address up.
func hasVIP(instance keepalived.Statement, vip netip.Addr) bool {
	return slices.Contains(instance.Addresses("virtual_ipaddress"), vip) || slices.Contains(instance.Addresses("virtual_ipaddress_excluded"), vip)
}

func advertInterval(instance keepalived.Statement) time.Duration {
	seconds, err := strconv.ParseFloat(instance.Find("advert_int").Word(1), 64)
	if err != nil || seconds <= 0 {
		return time.Second
	}
	return time.Duration(seconds * float64(time.Second)).Round(time.Millisecond)
}

// sourceOf is the address that a node's adverts come from: unicast_src_ip, or
// else the node's own of the family of its adverts, which is that of the first
// virtual_ipaddress.
func sourceOf(n inventory.Node, instance keepalived.Statement, vip netip.Addr) netip.Addr {
	if a, err := netip.ParseAddr(instance.Find("unicast_src_ip").Word(1)); err == nil {
		return a
	}
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

// number reads a number; what is none is left to `keepalived -t`.
func number(word string, otherwise int) int {
	if n, err := strconv.Atoi(word); err == nil {
		return n
	}
	return otherwise
}
