package cmd

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/rollout/rollouttest"
)

// other is an inventory of another cluster with node-3 and node-4.
const other = `apiVersion: kplb/v1alpha1
kind: Cluster
name: other
vip: 10.1.233.1
nodes:
  - {name: node-3, address: 10.1.1.3}
  - {name: node-4, address: 10.1.1.4}
`

// idMark stands for the identity, which is made by chance.
const idMark = "IDENTITY"

// refuses fails the test unless nothing is asked of the nodes, and this is said.
func (d *desk) refuses(want string, args ...string) {
	d.t.Helper()
	asked := len(d.Asked())
	o := d.kplb(args...).ends(exitUnchanged)
	said := identities.ReplaceAllString(o.stderr, "("+idMark+", generation $1, by ANN, 2000-01-01T00:00:0XZ)")
	same(d.t, "kplb "+strings.Join(args, " "), said, want)
	same(d.t, "what the nodes were asked", d.Asked()[asked:], []string{})
}

// TestOtherInventory: nodes of one cluster are not another one's, by their record.
func TestOtherInventory(t *testing.T) {
	const part = ": is part of cluster home (IDENTITY, generation 1, by ANN, 2000-01-01T00:00:0XZ)"
	const takeOver = "kplb: hint: take the node out of that cluster first (kplb apply with its own inventory); or, if that cluster is gone or shall lose the node, give --take-over\n"
	for name, c := range map[string]struct{ text, want string }{
		"one node in common":                        {other, "kplb: node-3" + part + "\n" + takeOver},
		"one node in common, the same VIP and VRID": {other + "vrrp: {virtualRouterID: 218}\n", "kplb: node-3" + part + "\n" + takeOver},
		"a worker": {strings.Replace(other, "  - {name: node-3, address: 10.1.1.3}\n", "", 1) + "workers: [{name: node-3, address: 10.1.1.3}]\nworkerBalancer: {}\n", "kplb: node-3" + part + "\n" + takeOver},
	} {
		t.Run(name, func(t *testing.T) {
			atDeskWith(t, fourInventory, func(d *desk) {
				d.kplb("apply", "--yes").ends(0)
				d.write(c.text)
				for _, args := range [][]string{{"diff"}, {"apply", "--yes"}, {"remove", "--yes"}, {"rollback", "--yes", "--to", "1"}, {"apply", "--yes", "--rename"}} {
					d.refuses(c.want, args...)
				}
				d.write(homeInventory)
				d.kplb("verify").ends(0)
			})
		})
	}
}

// TestTakeOver: a node is taken over where it is asked for, and the cluster that it was of
// hears so from then on.
func TestTakeOver(t *testing.T) {
	atDeskWith(t, fourInventory, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		for _, name := range []string{"node-1", "node-2"} {
			d.Change(name, func(n *rollouttest.Node) { n.Unreachable = true })
		}
		d.write(other)
		d.kplb("apply", "--yes", "--take-over").ends(exitUnchanged,
			"other: keepalived on the nodes has 10.1.1.1 as a peer, which is no node of the inventory: without it, both it and a node would hold 10.1.233.1", "give --forget 10.1.1.1")
		d.kplb("apply", "--yes", "--take-over", "--forget", "10.1.1.1,10.1.1.2").ends(0, "kplb: node-3: is part of cluster home (", "), and is taken over: that cluster is told nothing\n")
		d.kplb("diff").ends(0)
		d.kplb("history").ends(0, "2 (current)", "the first record of the cluster")
		d.kplb("rollback", "--yes", "--to", "1").ends(exitUnchanged, "other: there is no generation 1; there are 0, 2") // that is home's
		for _, name := range []string{"node-1", "node-2"} {
			d.Change(name, func(n *rollouttest.Node) { n.Unreachable = false })
		}
		d.write(homeInventory)
		for _, args := range [][]string{{"diff"}, {"apply", "--yes"}, {"rollback", "--yes"}} {
			d.kplb(args...).ends(exitUnchanged, "node-3: is part of cluster other (", "generation 2, by ")
		}
		d.write(strings.Replace(homeInventory, "  - {name: node-3, address: 10.1.1.3}\n", "", 1)) // and lets go of it
		d.kplb("diff").ends(exitNo, "kplb: node-3: left alone: it is part of cluster other (")
	})
	atRename(t, "the name is no reason", func(d *desk) {
		d.write(strings.Replace(homeInventory, "name: home", "name: lab", 1))
		d.kplb("apply", "--yes", "--take-over").ends(exitUnchanged, "if it is the same cluster under a new name, give --rename")
	})
}

// atRename runs a test on the applied cluster home.
func atRename(t *testing.T, name string, test func(d *desk)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		atDeskWith(t, fourInventory, func(d *desk) {
			d.kplb("apply", "--yes").ends(0)
			test(d)
		})
	})
}

// TestRename: another name of the same cluster is asked for, and its price is told.
func TestRename(t *testing.T) {
	lab := strings.Replace(homeInventory, "name: home", "name: lab", 1)
	const hint = "kplb: hint: if it is the same cluster under a new name, give --rename; if not, correct the inventory's nodes\n"
	part := func(name string) string {
		return "kplb: " + name + ": is part of cluster home (IDENTITY, generation 1, by ANN, 2000-01-01T00:00:0XZ); the inventory's cluster is lab\n"
	}
	atRename(t, "the VRID follows", func(d *desk) {
		d.write(lab)
		for _, args := range [][]string{{"diff"}, {"apply", "--yes"}, {"remove", "--yes"}} {
			d.refuses(part("node-1")+part("node-2")+part("node-3")+hint, args...)
		}
		d.kplb("diff", "--rename").ends(exitNo, "kplb: the cluster was home, and is lab from now on: the virtual router ID changes with the name, keepalived restarts everywhere, and nobody holds 10.1.233.1 for about 2.47s; vrrp.virtualRouterID keeps the old one\n")
		d.kplb("apply", "--yes", "--rename").ends(0, "and nobody holds 10.1.233.1 for about 2.47s")
		d.kplb("diff").ends(0)
		d.kplb("history").ends(0, "  renamed from home\n")
		d.write(homeInventory)
		d.kplb("apply", "--yes").ends(exitUnchanged, "is part of cluster lab (")
	})
	atRename(t, "the VRID stays", func(d *desk) {
		d.write(lab + "vrrp: {virtualRouterID: 218}\n")
		d.kplb("apply", "--yes", "--rename").ends(0, "kplb: the cluster was home, and is lab from now on: the VIP stays where it is\n")
		d.kplb("verify").ends(0)
	})
	atRename(t, "by a saved plan, which has the permission", func(d *desk) {
		d.write(lab + "vrrp: {virtualRouterID: 218}\n")
		file := filepath.Join(d.t.TempDir(), "plan.json")
		d.kplb("diff", "--rename", "-o", file).ends(exitNo)
		d.kplb("apply", "--yes", file).ends(0, "kplb: the cluster was home, and is lab from now on: the VIP stays where it is\n")
		d.kplb("diff").ends(0)
	})
	atRename(t, "and back by rollback", func(d *desk) {
		d.write(lab + "vrrp: {virtualRouterID: 218}\n")
		d.kplb("apply", "--yes", "--rename").ends(0)
		d.kplb("rollback", "--yes").ends(0)
		d.write(homeInventory)
		d.kplb("diff").ends(0)
	})
	atRename(t, "an older kplb has kept no record", func(d *desk) {
		for _, name := range three {
			d.Change(name, rollouttest.Unrecord)
		}
		d.write(lab)
		d.kplb("apply", "--yes").ends(exitUnchanged, "node-1: has no record of its cluster, and /etc/haproxy/haproxy.cfg was made for cluster home",
			"if it is the same cluster under a new name, give --rename; if the other cluster is gone or shall lose the node, give --take-over")
		d.kplb("apply", "--yes", "--rename").ends(0, "the cluster was home, and is lab from now on: ")
		d.kplb("history").ends(0, "the first record of the cluster")
	})
}

// withServer has haproxy.cfg of a template of the user's have one more backend.
func (d *desk) withServer(server string) []string {
	d.t.Helper()
	dir := d.t.TempDir()
	text := d.kplb("templates", "haproxy.cfg.tmpl").ends(0).stdout
	was := text
	text = strings.Replace(text, "backend kube-apiserver\n", "backend mine\n    server "+server+"\n\nbackend kube-apiserver\n", 1)
	if text == was {
		d.t.Fatal("the template has no such backend")
	}
	if err := os.WriteFile(filepath.Join(dir, "haproxy.cfg.tmpl"), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return []string{"--templates", dir}
}

// TestServerIsNoMember: what a template balances to is no node of the cluster, and nobody
// logs in there.
func TestServerIsNoMember(t *testing.T) {
	for _, server := range []string{"other-cp 10.1.1.4:6443", "g 10.1.0.9:3000", "node-4 10.1.1.4:6443 check", "v6 [fd00::9]:6443"} {
		for _, records := range []bool{true, false} {
			t.Run(server+map[bool]string{true: "", false: ", without a record"}[records], func(t *testing.T) {
				atDeskWith(t, fourInventory, func(d *desk) {
					with := d.withServer(server)
					d.kplb(append([]string{"apply", "--yes"}, with...)...).ends(0)
					if !records {
						for _, name := range three {
							d.Change(name, rollouttest.Unrecord)
						}
					}
					d.kplb(append([]string{"diff"}, with...)...).says(0, d.kplb(append([]string{"diff"}, with...)...).stdout, "")
					d.write(retuned)
					d.kplb(append([]string{"apply", "--yes"}, with...)...).ends(0, "haproxy: reloads")
					if i := slices.IndexFunc(d.Asked(), func(s string) bool { return strings.HasPrefix(s, "node-4") }); i >= 0 {
						d.t.Errorf("asked: %s", d.Asked()[i])
					}
					d.kplb(append([]string{"remove", "--yes"}, with...)...).ends(0)
				})
			})
		}
	}
}

// TestAskedAboutServers: without a record, and where keepalived has no peers, whether a server
// is a node is told by its own files; where nobody can log in there, the operator is asked.
func TestAskedAboutServers(t *testing.T) {
	multicast := func(text string) string { return text + "vrrp: {mode: multicast}\n" }
	for _, c := range []struct {
		name, server string
		change       func(d *desk)
		want         string // empty: it is left alone, and all goes on
	}{
		{"it is a machine without kplb", "node-4 10.1.1.4:6443", func(*desk) {}, ""},
		{"it is another cluster's", "node-4 10.1.1.4:6443", func(d *desk) {
			d.Change("node-4", func(n *rollouttest.Node) {
				n.Files["/etc/haproxy/haproxy.cfg"] = rollouttest.File{Mode: 0o644, Content: []byte("# kplb: made from cluster \"other\" for node-4; edit the inventory, not this file\n")}
			})
		}, ""},
		{"nobody can log in", "node-4 10.1.1.4:6443", func(d *desk) { d.Change("node-4", func(n *rollouttest.Node) { n.Unreachable = true }) },
			"kplb: node-4 is no longer in the inventory and has to be cleaned: node-4: is not reachable: no route to host\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			atDeskWith(t, fourInventory, func(d *desk) {
				d.write(multicast(homeInventory))
				with := d.withServer(c.server)
				d.kplb(append([]string{"apply", "--yes"}, with...)...).ends(0)
				for _, name := range three {
					d.Change(name, rollouttest.Unrecord)
				}
				c.change(d)
				d.write(multicast(retuned))
				asked := len(d.Asked())
				if c.want != "" {
					d.kplb(append([]string{"apply", "--yes"}, with...)...).ends(exitUnchanged, c.want, "give --forget node-4")
					same(d.t, "what the nodes were asked", d.Asked()[asked:], []string{})
					d.kplb(append([]string{"apply", "--yes", "--forget", "node-4"}, with...)...).ends(0)
					return
				}
				d.kplb(append([]string{"apply", "--yes"}, with...)...).ends(0, "left alone: it has no record, and ")
				if i := slices.IndexFunc(d.Asked()[asked:], func(s string) bool { return strings.HasPrefix(s, "node-4") }); i >= 0 {
					d.t.Errorf("asked: %s", d.Asked()[asked:][i])
				}
			})
		})
	}
}

// TestLeaverOfAnother: a member that is another cluster's by now is left alone.
func TestLeaverOfAnother(t *testing.T) {
	atDeskWith(t, fourInventory, func(d *desk) {
		d.write(fourInventory)
		d.kplb("apply", "--yes").ends(0)
		var theirs []byte
		d.Change("node-4", func(n *rollouttest.Node) {
			theirs = []byte(identity.ReplaceAllString(strings.ReplaceAll(string(rollouttest.Record(n)), `"name": "home"`, `"name": "other"`), `"id": "0123456789abcdef0123456789abcdef"`))
			rollouttest.Rerecord(n, theirs)
		})
		d.write(homeInventory)
		before := len(d.Asked())
		d.kplb("apply", "--yes").ends(0, "node-4: left alone: it is part of cluster other (01234567, generation 1, by ")
		for _, asked := range d.Asked()[before:] {
			if strings.HasPrefix(asked, "node-4") {
				d.t.Errorf("asked: %s", asked)
			}
		}
	})
}

// TestNeighbourCluster: who else has the VIP or its VRID on the network is heard, by diff,
// too.
func TestNeighbourCluster(t *testing.T) {
	const refuses = "kplb: changes pending, and `kplb apply` refuses them\n"
	for name, c := range map[string]struct {
		hears []remote.Record
		want  string // empty: it is no harm
	}{
		"the same VRID": {[]remote.Record{{Key: "vrrp", Fields: []string{"10.1.7.7", "3", "218", "150"}}},
			"another router sends VRRP: 10.1.7.7 with virtual router ID 218 (version 3, priority 150)"},
		"the same VRID, in VRRP 2": {[]remote.Record{{Key: "vrrp", Fields: []string{"10.1.7.7", "2", "218", "100"}}},
			"another router sends VRRP: 10.1.7.7 with virtual router ID 218 (version 2, priority 100)"},
		"the same VIP": {[]remote.Record{{Key: "has", Fields: []string{"52:54:00:00:07:07", "10.1.233.1"}}},
			"10.1.233.1 is answered by 52:54:00:00:07:07, which is no node of the inventory"},
		"another VRID": {[]remote.Record{{Key: "vrrp", Fields: []string{"10.1.7.7", "3", "219", "150"}}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			atDesk(t, func(d *desk) {
				d.Change("node-2", func(n *rollouttest.Node) { n.Hears = c.hears })
				if c.want == "" {
					d.kplb("diff").ends(exitNo, "changes pending; run `kplb apply`")
					d.kplb("apply", "--yes").ends(0)
					return
				}
				d.kplb("diff").ends(exitNo, "node-2: ", c.want, refuses)
				asked := len(d.Asked())
				d.kplb("apply", "--yes").ends(exitUnchanged, c.want)
				for _, one := range d.Asked()[asked:] {
					if !strings.HasSuffix(one, " lock") && !strings.HasSuffix(one, " release") {
						d.t.Errorf("asked: %s", one)
					}
				}
			})
		})
	}
}
