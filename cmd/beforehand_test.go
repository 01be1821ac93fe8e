package cmd

import (
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/rollout/rollouttest"
)

// fourInventory is home with a fourth node.
const fourInventory = homeInventory + "  - {name: node-4, address: 10.1.1.4}\n"

// TestApiserverDown: with one apiserver down no change could be proven, so none is begun;
// who is asked to change something hears that within the time that an election takes.
func TestApiserverDown(t *testing.T) {
	for _, down := range []string{"node-1", "node-2", "node-3"} {
		t.Run(down, func(t *testing.T) {
			atDesk(t, func(d *desk) {
				d.kplb("apply", "--yes").ends(0)
				d.write(retuned)
				d.kplb("apply", "--yes").ends(0)
				d.write(retuned + "vrrp: {advertInterval: 500ms}\n")
				d.Change(down, func(n *rollouttest.Node) { n.Crashed = true })
				asked := len(d.Asked())
				says := "kplb: " + down + ": its apiserver is not ready, so no change could be proven: dial tcp: network is unreachable\n" +
					"kplb: hint: look at `crictl ps -a` and `journalctl -u kubelet` on " + down + ", or take it out of the inventory\n"
				for _, args := range [][]string{{"apply", "--yes"}, {"apply"}, {"apply", "--dry-run"}, {"rollback", "--yes"}, {"rollback", "--yes", "--to", "1"}, {"remove", "--yes"}} {
					began := time.Now()
					d.kplb(args...).says(exitUnchanged, "", says)
					same(d.t, "took longer than 20 s", time.Since(began) > 20*time.Second, false)
				}
				first, hint, _ := strings.Cut(says, "\n")
				o := d.kplb("diff").ends(exitNo, "  -> keepalived: reloads\n")
				same(d.t, "diff", o.stderr, first+"\nkplb: changes pending, and `kplb apply` refuses them\n"+hint)
				same(d.t, "what the nodes were asked", d.Asked()[asked:], []string{})
			})
		})
	}
}

// TestApiserverComesBack: one that restarts just now is waited for.
func TestApiserverComesBack(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		d.write(retuned)
		d.Change("node-2", func(n *rollouttest.Node) { n.Crashed = true })
		time.AfterFunc(10*time.Second, func() { d.Change("node-2", func(n *rollouttest.Node) { n.Crashed = false }) })
		d.kplb("apply", "--yes").ends(0, "node-2: changed")
	})
}

// TestApiserverDownNothingToDo: nobody waits for an apiserver that no change starts.
func TestApiserverDownNothingToDo(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		d.Change("node-2", func(n *rollouttest.Node) { n.Crashed = true })
		d.kplb("verify").ends(exitNo, "NO  node-2: /healthz on 10.1.1.2:6443")
		d.kplb("rollback", "--yes", "--to", "1").ends(exitUnchanged, "kplb: node-2: its apiserver is not ready, so no change could be proven: ")
		d.kplb("apply", "--yes").ends(exitUnchanged, "kplb: node-2: its apiserver is not ready, so no change could be proven: ")
	})
}

// TestApiserverMendedByApply: an apply that gives the apiserver another manifest may mend it,
// and is not refused.
func TestApiserverMendedByApply(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		d.Change("node-2", func(n *rollouttest.Node) {
			n.Crashed = true
			f := n.Files["/etc/kubernetes/manifests/kube-apiserver.yaml"]
			f.Content = []byte(strings.Replace(string(f.Content), "--bind-address=10.1.1.2", "--bind-address=10.1.1.99", 1))
			n.Files["/etc/kubernetes/manifests/kube-apiserver.yaml"] = f
		})
		o := d.kplb("diff").ends(exitNo, "apiserver restarts")
		same(d.t, "stderr", o.stderr, "kplb: changes pending; run `kplb apply`\n")
	})
}

// TestApiserverDownLeaves: a node whose apiserver is dead can leave, at once.
func TestApiserverDownLeaves(t *testing.T) {
	atDeskWith(t, fourInventory, func(d *desk) {
		d.write(fourInventory)
		d.kplb("apply", "--yes").ends(0)
		d.Change("node-4", func(n *rollouttest.Node) { n.Crashed = true })
		d.write(homeInventory)
		began := time.Now()
		d.kplb("apply", "--yes").ends(0, "node-4 (no longer in the inventory: restored to its state before kplb):\n",
			"  -> the apiserver's manifest is restored; it does not run, and is not waited for\n", proof("node-1"))
		same(d.t, "took longer than 20 s", time.Since(began) > 20*time.Second, false)
		d.Change("node-4", func(n *rollouttest.Node) {
			same(d.t, "keepalived runs", n.Units["keepalived"].Active, false)
			same(d.t, "is bound", strings.Contains(string(n.Files["/etc/kubernetes/manifests/kube-apiserver.yaml"].Content), "--bind-address"), false)
		})
		d.kplb("diff").ends(0)
	})
}

const (
	turnOn   = "kplb: hint: turn node-3 on first; if that machine is gone for good, take it out of the inventory, with --forget node-3\n"
	leftOut3 = "kplb: node-3: left out: is not reachable: no route to host\n"
	adverts  = "kplb: node-3: it is away (is not reachable: no route to host) while what VRRP adverts say changes: when it comes back with the old ones, it and another node are both MASTER\n"
)

// TestClashesWithAbsent: what would clash with a node that is off, once it is back, is
// refused before anything changes; diff says it, too.
func TestClashesWithAbsent(t *testing.T) {
	for _, c := range []struct {
		name, before, after string // inventories
		says                string // without hint; empty: it is carried out
		hint                string
	}{
		{"another virtual router ID", ported, ported + "vrrp: {virtualRouterID: 7}\n", adverts, turnOn},
		{"another version of VRRP", ported, ported + "vrrp: {version: 2}\n", adverts, turnOn},
		{"multicast", ported, ported + "vrrp: {mode: multicast}\n", adverts, turnOn},
		{"another interval", ported, ported + "vrrp: {advertInterval: 500ms}\n", "", ""},
		{"another number of connections", ported, strings.Replace(ported, "port: 8443}", "port: 8443, maxConn: 5000}", 1), "", ""},
		{"a node more", ported, with4(ported), "kplb: node-3: it is away (is not reachable: no route to host) and does not learn of node-4: when it comes back, the two do not hear each other, and both hold 10.1.233.1\n", turnOn},
		{"a node more, by multicast", ported + "vrrp: {mode: multicast}\n", with4(ported) + "vrrp: {mode: multicast}\n", "", ""},
		{"a node more, which restarts", homeInventory, with4(homeInventory),
			"kplb: node-4: its apiserver would have to restart, and without node-3 no majority would be left: 2 of 4, and 3 are needed\n" +
				"kplb: node-3: it is away (is not reachable: no route to host) and does not learn of node-4: when it comes back, the two do not hear each other, and both hold 10.1.233.1\n",
			"kplb: hint: turn node-3 on first\n" + turnOn},
		{"a node less", with4(ported), ported, "", ""},
		{"its apiservers would restart", ported, homeInventory,
			"kplb: node-2: its apiserver would have to restart, and without node-3 no majority would be left: 1 of 3, and 2 are needed\n" +
				"kplb: node-1: its apiserver would have to restart, and without node-3 no majority would be left: 1 of 3, and 2 are needed\n",
			"kplb: hint: turn node-3 on first\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			atDeskWith(t, fourInventory, func(d *desk) {
				d.write(c.before)
				d.kplb("apply", "--yes").ends(0)
				d.write(c.after)
				d.Change("node-3", func(n *rollouttest.Node) { n.Unreachable = true })
				asked := len(d.Asked())
				if c.says == "" {
					d.kplb("diff").ends(exitNo, "run `kplb apply --allow-unreachable`")
					d.kplb("apply", "--yes", "--allow-unreachable").ends(0)
					return
				}
				d.kplb("apply", "--yes", "--allow-unreachable").says(exitUnchanged, "", leftOut3+c.says+c.hint)
				o := d.kplb("diff").ends(exitNo, "node-3: left out: is not reachable: no route to host\n")
				same(d.t, "diff", o.stderr, c.says+"kplb: changes pending, and `kplb apply` refuses them\n"+c.hint+"kplb: hint: is it on?\n")
				same(d.t, "what the nodes were asked", d.Asked()[asked:], []string{})
				d.Change("node-3", func(n *rollouttest.Node) { n.Unreachable = false })
				d.kplb("apply", "--yes").ends(0)
			})
		})
	}
}

// with4 is an inventory with node-4.
func with4(text string) string {
	return strings.Replace(text, "address: 10.1.1.3}\n", "address: 10.1.1.3}\n  - {name: node-4, address: 10.1.1.4}\n", 1)
}

// TestRollbackClashesWithAbsent: the way back over such a change is refused likewise.
func TestRollbackClashesWithAbsent(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.write(ported)
		d.kplb("apply", "--yes").ends(0)
		d.write(ported + "vrrp: {virtualRouterID: 7}\n")
		d.kplb("apply", "--yes").ends(0)
		d.Change("node-3", func(n *rollouttest.Node) { n.Unreachable = true })
		asked := len(d.Asked())
		for _, args := range [][]string{{"rollback", "--yes", "--allow-unreachable"}, {"rollback", "--yes", "--allow-unreachable", "--to", "1"}} {
			o := d.kplb(args...).ends(exitUnchanged, adverts+turnOn)
			same(d.t, "stdout", o.stdout, "")
		}
		same(d.t, "what the nodes were asked", d.Asked()[asked:], []string{})
	})
}

// TestFirstApplyWithAbsent: a node that was never part of it clashes with nothing.
func TestFirstApplyWithAbsent(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.write(ported)
		d.Change("node-3", func(n *rollouttest.Node) { n.Unreachable = true })
		d.kplb("apply", "--yes", "--allow-unreachable").ends(0)
		d.Change("node-3", func(n *rollouttest.Node) { n.Unreachable = false })
		d.kplb("apply", "--yes").ends(0, "node-3: changed")
	})
}
