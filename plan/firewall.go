package plan

import (
	"github.com/kplb/kplb/firewall"
	"github.com/kplb/kplb/node"
)

// FirewallOf is the state of the node's firewalls, from its facts.
func FirewallOf(f *node.Facts) firewall.State {
	return firewall.State{
		Conf:     f.Files[firewall.ConfPath].Content,
		Defaults: f.Files[firewall.DefaultsPath].Content,
		Rules:    ufwRulesIn(f.Files),
		Removed:  f.Units["ufw.service"].Load == "not-found",
		Other:    f.OtherFirewall,
		Serving:  f.Units["haproxy.service"].Active == "active" && f.Units["keepalived.service"].Active == "active",
	}
}

// ufwRulesIn are ufw's rules in the files of a node, or of a generation.
func ufwRulesIn(files map[string]node.File) []firewall.Rule {
	return firewall.ParseRules(files[firewall.RulesPath].Content, files[firewall.Rules6Path].Content)
}

func (b *builder) planFirewall() {
	allow, remove, notes := firewall.Plan(b.cluster, b.Node, FirewallOf(b.facts))
	b.UFWAllow, b.UFWDelete, b.notes = allow, remove, append(b.notes, notes...)
}

// firewall deletes kplb's rules that the generation does not have.
func (r restorer) firewall() {
	allow, remove, notes := firewall.Restore(FirewallOf(r.facts), ufwRulesIn(r.snapshot.Files))
	r.UFWAllow, r.UFWDelete, r.notes = allow, remove, append(r.notes, notes...)
}
