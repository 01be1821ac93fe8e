package vrrp

import (
	"slices"

	"github.com/kplb/kplb/inventory"
)

// problems is what is wrong with a speaker by itself.
func (s Speaker) problems(c *inventory.Cluster) []error {
	var out []error
	if s.NoPreempt && s.State == "MASTER" {
		out = append(out, s.problem(s.lines["state"], "write state BACKUP on every node, and nopreempt counts",
			"state MASTER with nopreempt: keepalived takes nopreempt away, and the node takes the VIP whenever it returns"))
	}
	for _, check := range s.checks {
		if s.NoPreempt && !check.fails.fault && check.fails != check.passes {
			out = append(out, s.problem(check.line, "leave the weight out, and it is FAULT when it fails (a file: when -254 is in it); or leave nopreempt out, with a weight that brings the node below all others",
				"nopreempt with a weight: when %s fails, the priority changes by %d, and the VIP stays: nobody takes it from a lower priority",
				check.name, check.fails.adjust-check.passes.adjust))
		}
	}
	if i := slices.IndexFunc(s.checks, func(c check) bool { return c.passes.fault }); i >= 0 {
		out = append(out, s.problem(s.checks[i].line, "take reverse away, or have haproxy.service write 0 when it starts",
			"%s is FAULT while all is well: the node never has the VIP", s.checks[i].name))
	}
	if !slices.ContainsFunc(s.checks, func(c check) bool { return c.dead }) {
		out = append(out, s.problem(s.lines[""], "track the file that haproxy.service writes, and kplb_check, as `kplb templates keepalived.conf.tmpl` does",
			"nothing that it tracks fails when HAProxy is gone: the VIP stays on a node that answers nobody"))
	}
	return append(out, s.contradictions(c)...)
}

// contradictions is where a speaker does not do what the inventory says.
func (s Speaker) contradictions(c *inventory.Cluster) []error {
	var out []error
	switch g := groupOf(c, s.VIP); {
	case s.NoPreempt && g.Preferred != "":
		out = append(out, s.problem(s.lines["nopreempt"], "leave nopreempt out, as `kplb templates keepalived.conf.tmpl` does where .Failback of the group is set",
			"nopreempt, but the inventory has %s preferred for %s", g.Preferred, s.VIP))
	case s.NoPreempt && g.Failback:
		out = append(out, s.problem(s.lines["nopreempt"], "leave nopreempt out, as `kplb templates keepalived.conf.tmpl` does where .Cluster.VRRP.Failback is set; or leave failback out of the inventory",
			"nopreempt, but the inventory has vrrp.failback: true"))
	}
	if c.VRRP.Mode == inventory.Multicast && s.peers != nil {
		out = append(out, s.problem(s.lines["unicast_peer"], "leave unicast_peer out, as `kplb templates keepalived.conf.tmpl` does where .Cluster.VRRP.Mode is multicast; or leave mode out of the inventory",
			"unicast_peer, but the inventory has vrrp.mode: multicast, which is what firewalls are opened for"))
	}
	return out
}

// conflicts is what is wrong between a speaker and others.
func (s Speaker) conflicts(others []Speaker) []error {
	var out []error
	for _, other := range others {
		for _, pair := range [][2]Speaker{{s, other}, {other, s}} {
			if why := pair[0].rejects(pair[1]); why != "" {
				out = append(out, pair[0].problem(pair[0].lines[""], "give all nodes the same virtual_router_id, version and authentication, and each all others as unicast_peer",
					"does not hear %s: %s; who hears nobody takes the VIP, and then two hold it", pair[1].Node, why))
				break
			}
		}
		if s.Priority == other.Priority && (s.NoPreempt || other.NoPreempt) {
			out = append(out, s.problem(s.lines["priority"], "give every node its own: priority {{ $.Node.Priority }}",
				"priority %d is that of %s, too: when the holder fails, both become holder for a moment", s.Priority, other.Node))
		}
	}
	return out
}

// outrankedPreferred is what keeps the node that the VIPs of a contest prefer
// from having them: a priority that is not the highest.
func outrankedPreferred(c *inventory.Cluster, speakers []Speaker) []error {
	g := groupOf(c, speakers[0].VIP)
	for _, s := range speakers {
		for _, other := range speakers {
			if s.Node == g.Preferred && other.Node != s.Node && other.Priority >= s.Priority {
				return []error{s.problem(s.lines["priority"], "give it the highest one, as `kplb templates keepalived.conf.tmpl` does with .Priorities",
					"priority %d, and %s has %d, but the inventory has %s preferred for %s", s.Priority, other.Node, other.Priority, s.Node, s.VIP)}
			}
		}
	}
	return nil
}
