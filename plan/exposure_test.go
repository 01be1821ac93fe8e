package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

var exposures = []inventory.Exposure{inventory.BindAddress, inventory.SharedPort, inventory.Redirect, inventory.OtherPort, inventory.IPVS}

func exposedBy(t testing.TB, e inventory.Exposure) *Input {
	t.Helper()
	text := strings.Replace(home, "haproxy:\n", "exposure: "+string(e)+"\nhaproxy:\n", 1)
	if e == inventory.IPVS {
		text = strings.Replace(text, "haproxy:\n  monitorPort: 8404\n", "", 1)
	}
	return inputOf(t, text)
}

// TestSwitchExposure plans the way from every exposure to every other one.
// What one has needed and the other does not goes; an apiserver restarts only
// where its flags change.
func TestSwitchExposure(t *testing.T) {
	t.Parallel()
	files := map[inventory.Exposure][]string{
		inventory.BindAddress: {render.PatchPath},
		inventory.Redirect:    {render.RedirectPath, render.RedirectUnitPath},
		inventory.IPVS:        {render.ModulesPath, render.IPVSPath, render.IPVSUnitPath},
	}
	flags := map[inventory.Exposure]string{inventory.BindAddress: "bind-address", inventory.SharedPort: "permit-port-sharing"}
	for _, from := range exposures {
		for _, to := range exposures {
			t.Run(fmt.Sprintf("%s to %s", from, to), func(t *testing.T) {
				t.Parallel()
				before := exposedBy(t, from)
				facts := all(t, before, applied)
				in := exposedBy(t, to)
				facts["node-2"].Kernel.IPVS = "module"
				if to == inventory.IPVS && from != to {
					for _, f := range facts {
						f.Kernel.IPVS = "module"
						delete(f.Files, "/var/lib/kplb/current") // TestHAProxyGivesWayToIPVS has one
					}
				}
				p := planOf(t, in, facts).of("node-2")
				if from == to {
					same(t, "nothing to do", p.Empty(), true)
					return
				}
				got := map[string]bool{}
				for _, what := range retell(p).Files {
					got[what] = true
				}
				for _, path := range files[from] {
					same(t, "removed "+path, got["removed "+path], true)
				}
				for _, path := range files[to] {
					same(t, "new "+path, got["new "+path], true)
				}
				same(t, "the apiserver restarts", p.Manifest != nil, flags[from] != "" || flags[to] != "")
				if p.Manifest != nil {
					text := string(p.Manifest.Content)
					same(t, "has the flag", strings.Contains(text, "--"+flags[to]+"="), flags[to] != "")
					same(t, "has the flag of before", flags[from] != "" && strings.Contains(text, "--"+flags[from]+"="), false)
				}
				haproxy, redirect, ipvs, keepalived := node.Reload, node.Leave, node.Leave, node.Leave
				switch inventory.IPVS {
				case to:
					haproxy, ipvs, keepalived = node.Stop, node.Start, node.Reload
				case from:
					haproxy, ipvs, keepalived = node.Start, node.Stop, node.Reload
				}
				switch inventory.Redirect {
				case to:
					redirect = node.Start
				case from:
					redirect = node.Stop
				}
				same(t, "haproxy", p.HAProxy, haproxy)
				same(t, "haproxy has left the port before the apiserver takes it", p.APIServerLast(), p.Manifest != nil && !to.SharesPort() || to == inventory.IPVS)
				same(t, "redirect", p.Redirect, redirect)
				same(t, "the mark", p.IPVS, ipvs)
				same(t, "keepalived", p.Keepalived, keepalived)
				if to == inventory.IPVS {
					same(t, "haproxy listens", len(p.HAProxyListens), 0)
					same(t, "given back", p.RestoreSettings, []string{"net/ipv4/ip_nonlocal_bind"})
					same(t, "at boot", p.Disable[len(p.Disable)-1], "haproxy.service")
					return
				}
				same(t, "haproxy listens", inventory.Join(p.HAProxyListens, " "), in.Cluster.Frontend().String())
				if from == inventory.IPVS {
					same(t, "given back", p.RestoreSettings, []string{"net/ipv4/ip_forward", "net/ipv4/vs/conntrack", "net/ipv4/vs/expire_nodest_conn"})
					same(t, "at boot", p.Enable[len(p.Enable)-1], "haproxy.service")
				}
			})
		}
	}
}

// TestFirstExposure leaves apiservers alone where the exposure does.
func TestFirstExposure(t *testing.T) {
	t.Parallel()
	for _, e := range exposures {
		in := exposedBy(t, e)
		facts := all(t, in, freshOf)
		for _, f := range facts {
			f.Kernel.IPVS = "module"
		}
		p := planOf(t, in, facts).of("node-2")
		haproxy := node.Start
		if e == inventory.IPVS {
			haproxy = node.Leave
		}
		same(t, string(e)+": haproxy", p.HAProxy, haproxy)
		same(t, string(e)+": the apiserver restarts", p.Manifest != nil, e.SharesPort())
		same(t, string(e)+": listens", p.Listen, map[inventory.Exposure]string{inventory.BindAddress: "10.1.1.2:6443", inventory.SharedPort: "*:6443"}[e])
		same(t, string(e)+": haproxy comes last", p.APIServerLast(), false)
	}
}

// TestPlanRedirect mends a table that somebody has flushed or changed.
func TestPlanRedirect(t *testing.T) {
	t.Parallel()
	in := exposedBy(t, inventory.Redirect)
	for _, c := range []struct {
		name   string
		change func(f *node.Facts)
		want   node.Action
	}{
		{"as it should be", func(*node.Facts) {}, node.Leave},
		{"flushed", func(f *node.Facts) { f.Redirect = "" }, node.Start},
		{"one of two chains", func(f *node.Facts) {
			f.Redirect = strings.Replace(f.Redirect, "dnat to 10.1.233.1:8443", "dnat to 10.1.233.1:8444", 1)
		}, node.Start},
		{"the unit is stopped", func(f *node.Facts) { set(f, render.RedirectUnit, func(u *node.Unit) { u.Active = "inactive" }) }, node.Start},
	} {
		facts := all(t, in, applied)
		c.change(facts["node-2"])
		p := planOf(t, in, facts).of("node-2")
		same(t, c.name, p.Redirect, c.want)
		same(t, c.name+": redirects", RedirectsVIP(facts["node-2"], in.Cluster), strings.Count(facts["node-2"].Redirect, "dnat to 10.1.233.1:8443") == 2)
	}
}

// TestExposureByHand keeps a bind-address that kplb has not set.
func TestExposureByHand(t *testing.T) {
	t.Parallel()
	in := exposedBy(t, inventory.Redirect)
	facts := all(t, in, freshOf)
	put(facts["node-2"], kubeadm.ManifestPath, 0o600, boundManifest(t, in.Cluster.Nodes[1]))
	facts["node-2"].Listeners = []node.Listener{{Address: in.Cluster.APIServerAddress(in.Cluster.Nodes[1]), Process: distribution.APIServer}}
	p := planOf(t, in, facts).of("node-2")
	same(t, "manifest stays", p.Manifest == nil, true)
	same(t, "nobody waits", p.Listen, "")
}
