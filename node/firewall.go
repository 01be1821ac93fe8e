package node

import "github.com/kplb/kplb/firewall"

// FirewallOf is the state of the node's firewalls, from its facts.
func FirewallOf(f *Facts) firewall.State {
	return firewall.State{
		Conf:     f.Files[firewall.ConfPath].Content,
		Defaults: f.Files[firewall.DefaultsPath].Content,
		Rules:    UFWRulesIn(f.Files),
		Removed:  f.Units["ufw.service"].Load == "not-found",
		Other:    f.OtherFirewall,
		Serving:  f.Units["haproxy.service"].Active == "active" && f.Units["keepalived.service"].Active == "active",
	}
}

// UFWRulesIn are ufw's rules in the files of a node, or of a generation.
func UFWRulesIn(files map[string]File) []firewall.Rule {
	return firewall.ParseRules(files[firewall.RulesPath].Content, files[firewall.Rules6Path].Content)
}
