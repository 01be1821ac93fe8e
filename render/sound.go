package render

import (
	"errors"
	"fmt"
	"slices"

	"github.com/kplb/kplb/inventory"
)

// Unsound is a reason why the nodes would not agree on one holder of the VIP,
// and a well one.
type Unsound struct {
	Node string
	Path string // of the rendered file, on the node
	Line int    // there; counts from 1
	What string
	Cure string
}

func (u *Unsound) Error() string { return u.Node + ": " + u.Where() + ": " + u.What }

// Where is the place in the file.
func (u *Unsound) Where() string { return fmt.Sprintf("%s:%d", u.Path, u.Line) }

// Hint is what to write instead.
func (u *Unsound) Hint() string { return u.Cure }

// joined are the errors that one joins.
func joined(err error) []error {
	var all interface{ Unwrap() []error }
	if errors.As(err, &all) {
		return all.Unwrap()
	}
	return []error{err}
}

// Speakers reads the speakers of every node, one for each VIP, from a rendered
// tree. Its error joins an *Unsound for each that cannot be one.
func (t Tree) Speakers(c *inventory.Cluster) ([]Speaker, error) {
	var out []Speaker
	var errs []error
	for _, n := range c.Nodes {
		some, err := ReadSpeakers(c, n, t[n.Name+KeepalivedPath].Content, t[n.Name+HAProxyUnitPath].Content)
		if err != nil {
			errs = append(errs, joined(err)...)
			continue
		}
		out = append(out, some...)
	}
	return out, errors.Join(errs...)
}

// Sound proves of every contest that the speakers elect one holder, and a well one where one is
// well, whatever fails: see prove. Its error joins an *Unsound for each
// reason why they do not. A single node has nobody to agree with.
func Sound(c *inventory.Cluster, speakers []Speaker) error {
	var errs []error
	for _, contest := range Contests(c, speakers) {
		if _, err := prove(c, contest.Speakers); err != nil {
			errs = append(errs, joined(err)...)
		}
	}
	return errors.Join(errs...)
}

// Sound is that of the rendered speakers.
func (t Tree) Sound(c *inventory.Cluster) error {
	speakers, err := t.Speakers(c)
	if err != nil {
		return err
	}
	return Sound(c, speakers)
}

func prove(c *inventory.Cluster, speakers []Speaker) (Proof, error) {
	if len(speakers) < 2 {
		return Proof{}, nil
	}
	proof := newElection(speakers).prove()
	var errs []error
	for i, s := range speakers {
		errs = append(errs, s.unsound(c)...)
		errs = append(errs, s.besides(speakers[:i])...)
	}
	if err := prefers(c, speakers); err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 { // what follows from them says less
		return proof, errors.Join(errs...)
	}
	said := map[string]bool{}
	for _, f := range proof.flaws {
		u := f.unsound()
		if !said[u.Node] {
			said[u.Node] = true
			errs = append(errs, u)
		}
	}
	return proof, errors.Join(errs...)
}

func (s Speaker) at(line int, cure, what string, args ...any) *Unsound {
	return &Unsound{Node: s.Node, Path: KeepalivedPath, Line: line, What: fmt.Sprintf(what, args...), Cure: cure}
}

// unsound is what is wrong with a speaker by itself.
func (s Speaker) unsound(c *inventory.Cluster) []error {
	var out []error
	if s.NoPreempt && s.State == "MASTER" {
		out = append(out, s.at(s.lines["state"], "write state BACKUP on every node, and nopreempt counts",
			"state MASTER with nopreempt: keepalived takes nopreempt away, and the node takes the VIP whenever it returns"))
	}
	for _, check := range s.checks {
		if s.NoPreempt && !check.failed.fault && check.failed != check.well {
			out = append(out, s.at(check.line, "leave the weight out, and it is FAULT when it fails (a file: when -254 is in it); or leave nopreempt out, with a weight that brings the node below all others",
				"nopreempt with a weight: when %s fails, the priority changes by %d, and the VIP stays: nobody takes it from a lower priority",
				check.name, check.failed.adjust-check.well.adjust))
		}
	}
	if i := slices.IndexFunc(s.checks, func(c check) bool { return c.well.fault }); i >= 0 {
		out = append(out, s.at(s.checks[i].line, "take reverse away, or have haproxy.service write 0 when it starts",
			"%s is FAULT while all is well: the node never has the VIP", s.checks[i].name))
	}
	if !slices.ContainsFunc(s.checks, func(c check) bool { return c.dead }) {
		out = append(out, s.at(s.lines[""], "track the file that haproxy.service writes, and kplb_check, as `kplb templates keepalived.conf.tmpl` does",
			"nothing that it tracks fails when HAProxy is gone: the VIP stays on a node that answers nobody"))
	}
	switch g := groupOf(c, s.VIP); {
	case s.NoPreempt && g.Preferred != "":
		out = append(out, s.at(s.lines["nopreempt"], "leave nopreempt out, as `kplb templates keepalived.conf.tmpl` does where .Failback of the group is set",
			"nopreempt, but the inventory has %s preferred for %s", g.Preferred, s.VIP))
	case s.NoPreempt && g.Failback:
		out = append(out, s.at(s.lines["nopreempt"], "leave nopreempt out, as `kplb templates keepalived.conf.tmpl` does where .Cluster.VRRP.Failback is set; or leave failback out of the inventory",
			"nopreempt, but the inventory has vrrp.failback: true"))
	}
	if c.VRRP.Mode == inventory.Multicast && s.peers != nil {
		out = append(out, s.at(s.lines["unicast_peer"], "leave unicast_peer out, as `kplb templates keepalived.conf.tmpl` does where .Cluster.VRRP.Mode is multicast; or leave mode out of the inventory",
			"unicast_peer, but the inventory has vrrp.mode: multicast, which is what firewalls are opened for"))
	}
	return out
}

// besides is what is wrong between a speaker and others.
func (s Speaker) besides(others []Speaker) []error {
	var out []error
	for _, other := range others {
		for _, pair := range [][2]Speaker{{s, other}, {other, s}} {
			if why := pair[0].deafTo(pair[1]); why != "" {
				out = append(out, pair[0].at(pair[0].lines[""], "give all nodes the same virtual_router_id, version and authentication, and each all others as unicast_peer",
					"does not hear %s: %s; who hears nobody takes the VIP, and then two hold it", pair[1].Node, why))
				break
			}
		}
		if s.Priority == other.Priority && (s.NoPreempt || other.NoPreempt) {
			out = append(out, s.at(s.lines["priority"], "give every node its own: priority {{ $.Node.Priority }}",
				"priority %d is that of %s, too: when the holder fails, both become holder for a moment", s.Priority, other.Node))
		}
	}
	return out
}
