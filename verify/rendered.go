package verify

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/verdict"
)

const applyHint = "look at `kplb diff`, and run `kplb apply`"

// checkPlan checks that an apply would change nothing on a node. err is the error of the
// plan, if it failed.
func checkPlan(c *inventory.Cluster, n inventory.Node, f *node.Facts, p plan.NodePlan, err error) []verdict.Check {
	files := verdict.Check{Node: n.Name, What: "files are as rendered", OK: true}
	switch changes := changesOf(f, p); {
	case f.Recorded.Err != nil:
		files.OK, files.Detail, files.Hint = false, f.Recorded.Err.Error(), "run `kplb doctor`"
	case err != nil:
		files.OK, files.Detail, files.Hint = false, strings.Join(refusal.Reasons(err), "; "), "run `kplb doctor`"
	case changes != nil:
		files.OK, files.Detail, files.Hint = false, strings.Join(changes, ", "), applyHint
	default:
		files.Detail = "no difference"
	}
	if n.Worker {
		if p.HAProxy == node.Leave && render.Stamp(f.Files[render.HAProxyPath].Content) == render.Unstamped {
			return []verdict.Check{files}
		}
		return []verdict.Check{files, checkServices(n, f, p)} // the worker has a balancer
	}
	return []verdict.Check{files, checkSysctls(n, f, p), checkFirewall(c, n, f, p), checkServices(n, f, p)}
}

// changesOf names the differences.
func changesOf(f *node.Facts, p plan.NodePlan) []string {
	var out []string
	for _, c := range p.Files() {
		out = append(out, c.Path+" "+c.Difference())
	}
	if p.Certificate != nil {
		out = append(out, f.Distribution.Layout().Certificate+" is not for "+strings.Join(p.Certificate.Names, " and "))
	}
	return out
}

// checkSysctls compares the kernel's settings with kplb's file on the node.
func checkSysctls(n inventory.Node, f *node.Facts, p plan.NodePlan) verdict.Check {
	check := verdict.Check{Node: n.Name, What: "sysctls are as rendered", OK: p.Sysctl == node.SysctlLeave}
	wanted := node.ParseSysctls(f.Files[render.SysctlPath].Content)
	have := make([]string, 0, len(wanted))
	short := "ip_nonlocal_bind"
	var differ []string
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		have = append(have, key+" = "+wanted[key])
		if f.Sysctls[key] != wanted[key] {
			differ = append(differ, fmt.Sprintf("%s is %q, not %q", key, f.Sysctls[key], wanted[key]))
			short = key[strings.LastIndex(key, ".")+1:]
		}
	}
	check.OK = check.OK && differ == nil
	if check.Detail = strings.Join(have, ", "); !check.OK {
		check.Detail = strings.Join(differ, ", ")
		if differ == nil {
			check.Detail = render.SysctlPath + " is not what the kernel was told"
		}
		check.Hint = "run `kplb apply`; look for another file that sets it: `grep -r " + short + " /etc/sysctl.d /etc/sysctl.conf`"
	}
	return check
}

// checkFirewall checks that ufw, if it is active, allows what the rendered files need,
// and has no other rules of kplb's.
func checkFirewall(c *inventory.Cluster, n inventory.Node, f *node.Facts, p plan.NodePlan) verdict.Check {
	check := verdict.Check{Node: n.Name, What: "the firewall allows what kplb needs", OK: true}
	switch {
	case c.Firewall != inventory.Manage:
		check.Detail = "left out: the inventory says firewall: leave"
	case node.FirewallOf(f).UFWEnabled() && (p.UFWAllow != nil || p.UFWDelete != nil):
		check.OK, check.Hint = false, applyHint
		var words []string
		if p.UFWAllow != nil {
			words = append(words, "ufw does not allow: "+plan.ListRules(p.UFWAllow))
		}
		if p.UFWDelete != nil {
			words = append(words, "ufw still allows: "+plan.ListRules(p.UFWDelete))
		}
		check.Detail = strings.Join(words, "; ")
	case node.FirewallOf(f).UFWEnabled():
		check.Detail = "ufw allows it, and nothing more for kplb"
	case f.OtherFirewall != "":
		check.Detail = "left out: kplb does not manage " + f.OtherFirewall
	default:
		check.Detail = "none is active"
	}
	return check
}

// checkServices checks that the daemons run with their current files, and start at boot.
func checkServices(n inventory.Node, f *node.Facts, p plan.NodePlan) verdict.Check {
	check := verdict.Check{Node: n.Name, What: "services are active, and start at boot"}
	doing := []struct {
		unit   string
		action node.Action
		may    bool // be missing if the plan does nothing about it
	}{{"haproxy.service", p.HAProxy, !n.Worker && len(p.HAProxyListens) == 0}, {"keepalived.service", p.Keepalived, n.Worker}, {render.RedirectUnit, p.Redirect, true}, {render.IPVSUnit, p.IPVS, true}}
	var well, wrong []string
	for _, d := range doing {
		name := strings.TrimSuffix(d.unit, ".service")
		unit := f.Units[d.unit]
		switch {
		case d.may && d.action == node.Leave && unit.Active != "active":
			continue
		case unit.Active != "active":
			wrong = append(wrong, fmt.Sprintf("%s is %s", name, cmp.Or(unit.Active, "not there")))
		case d.action != node.Leave:
			wrong = append(wrong, name+" does not run with what is rendered")
		default:
			well = append(well, name)
		}
	}
	for _, unit := range p.Enable {
		wrong = append(wrong, strings.TrimSuffix(unit, ".service")+" does not start at boot")
	}
	for _, unit := range p.Disable {
		wrong = append(wrong, strings.TrimSuffix(unit, ".service")+" starts at boot, and should not")
	}
	if check.OK = wrong == nil; check.OK {
		check.Detail = strings.Join(well, ", ")
	} else {
		check.Detail, check.Hint = strings.Join(wrong, ", "), "run `kplb apply`; `systemctl status` on the node says why one is not active"
	}
	return check
}
