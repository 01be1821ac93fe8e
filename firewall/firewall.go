// Package firewall decides which rules the firewall of a node needs, and reads
// the rules that ufw has. It gets what was read on the node, and returns rules
// and texts for people: it does nothing itself.
//
// It guarantees that a rule which kplb has not made is never deleted or
// replaced, and that other firewalls than ufw are left alone: what they would
// need is named.
package firewall

import (
	"fmt"
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/render"
)

// State is what was read of the firewalls of one node.
type State struct {
	Conf     []byte // the content of ConfPath; empty where there is no such file
	Defaults []byte // the content of DefaultsPath, likewise
	Rules    []Rule // what ParseRules finds in RulesPath and Rules6Path
	Removed  bool   // ufw's package was removed; its files may still be there
	Other    string // a firewall that drops what it has no rule for, and is not ufw: Firewalld, or FAMILY TABLE CHAIN of nftables; empty: none
	Serving  bool   // HAProxy and keepalived are active
}

// Plan returns the rules that ufw has to allow for the rendered files, the
// rules of kplb's that nothing needs any more, and what a person should know.
// All are empty where the inventory leaves the firewall alone.
func Plan(c *inventory.Cluster, n inventory.Node, s State) (allow, remove []render.Rule, notes []string) {
	if c.Firewall != inventory.Manage {
		return nil, nil, nil
	}
	var needed []render.Rule
	for _, rule := range render.Firewall(c, n) {
		if !rule.Out || s.deniesOutgoing() {
			needed = append(needed, rule)
		}
	}
	if s.UFWEnabled() {
		return change(s.Rules, needed)
	}
	if FiltersIPv4(s.Other) && !s.Serving {
		notes = append(notes, fmt.Sprintf("a firewall that kplb does not look after drops what it is not told to let in: %s; by hand, if it does not yet:\n%s",
			s.Other, commands(s.Other, needed)))
	}
	return nil, nil, notes
}

// Restore returns what leaves of kplb's rules those that a generation had.
func Restore(s State, generation []Rule) (allow, remove []render.Rule, notes []string) {
	if !s.UFWEnabled() {
		return nil, nil, nil
	}
	var needed []render.Rule
	for _, r := range generation {
		if r.ours {
			needed = append(needed, r.Rule)
		}
	}
	return change(s.Rules, needed)
}

// change compares the rules that ufw has with those that are needed. A rule of
// a person's that allows the same, or more, is enough, and stays. One that
// denies just that stays as well, and is named: ufw has one rule for the same
// traffic, so ours would replace it, and leave nothing when it is deleted. A
// rule of ours that is deleted is enough for nothing: the one for unicast when
// adverts become multicast, for example.
func change(have []Rule, needed []render.Rule) (allow, remove []render.Rule, notes []string) {
	for _, rule := range needed {
		i := slices.IndexFunc(have, func(r Rule) bool { return r.Rule == rule })
		switch {
		case i >= 0 && !have[i].allows():
			notes = append(notes, fmt.Sprintf("ufw has a rule that kplb leaves alone, and that keeps out what it needs: %s; by hand, if it is not meant so, and then apply again:\n  %s",
				have[i], have[i].deletion()))
		case !slices.ContainsFunc(have, func(r Rule) bool { return r.covers(rule) && (!r.ours || slices.Contains(needed, r.Rule)) }):
			allow = append(allow, rule)
		}
	}
	for _, r := range have {
		if r.ours && !slices.Contains(needed, r.Rule) {
			remove = append(remove, r.Rule)
		}
	}
	return allow, remove, notes
}
