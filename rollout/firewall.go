package rollout

import (
	"github.com/kplb/kplb/firewall"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// firewallOf is what was read of a node's firewalls.
func firewallOf(f *node.Facts) firewall.State {
	return firewall.State{
		Conf:     f.Files[firewall.ConfPath].Content,
		Defaults: f.Files[firewall.DefaultsPath].Content,
		Rules:    ufwRulesIn(f.Files),
		Removed:  f.Units["ufw.service"].Load == "not-found",
		Other:    f.Filter,
		Serving:  f.Units["haproxy.service"].Active == "active" && f.Units["keepalived.service"].Active == "active",
	}
}

// ufwRulesIn are the rules of ufw's in files of a node, or of a generation.
func ufwRulesIn(files map[string]node.File) []firewall.Rule {
	return firewall.ParseRules(files[firewall.RulesPath].Content, files[firewall.Rules6Path].Content)
}

func (p *NodePlan) planFirewall(c *inventory.Cluster, f *node.Facts) {
	allow, remove, notes := firewall.Plan(c, p.Node, firewallOf(f))
	p.open, p.close, p.notes = allow, remove, append(p.notes, notes...)
}

// planFirewallBack leaves of kplb's rules those of a generation.
func (p *NodePlan) planFirewallBack(f *node.Facts, s *node.Snapshot) {
	allow, remove, notes := firewall.Restore(firewallOf(f), ufwRulesIn(s.Files))
	p.open, p.close, p.notes = allow, remove, append(p.notes, notes...)
}
