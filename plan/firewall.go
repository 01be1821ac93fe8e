package plan

import (
	"github.com/kplb/kplb/firewall"
	"github.com/kplb/kplb/node"
)

func (b *builder) planFirewall() {
	allow, remove, notes := firewall.Plan(b.cluster, b.Node, node.FirewallOf(b.facts))
	b.UFWAllow, b.UFWDelete, b.notes = allow, remove, append(b.notes, notes...)
}

// firewall deletes kplb's rules that the generation does not have.
func (r restorer) firewall() {
	allow, remove, notes := firewall.Restore(node.FirewallOf(r.facts), node.UFWRulesIn(r.snapshot.Files))
	r.UFWAllow, r.UFWDelete, r.notes = allow, remove, append(r.notes, notes...)
}
