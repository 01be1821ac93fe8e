package cmd

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/rollout/rollouttest"
)

// tuned is an inventory with a number of connections of its own.
func tuned(text string, connections int) string {
	return text + fmt.Sprintf("haproxy: {maxConn: %d}\n", connections)
}

// connections are what haproxy.cfg on the node has as its maxconn; empty: there is no file.
func (d *desk) connections(name string) string {
	d.t.Helper()
	out := ""
	d.Change(name, func(n *rollouttest.Node) {
		for line := range strings.Lines(string(n.Files["/etc/haproxy/haproxy.cfg"].Content)) {
			if number, found := strings.CutPrefix(strings.TrimSpace(line), "maxconn "); found {
				out = number
				return
			}
		}
	})
	return out
}

// have fails the test unless the nodes have this number of connections, and are at the
// same generation of the cluster.
func (d *desk) have(connections string, generation int, names ...string) {
	d.t.Helper()
	for _, name := range names {
		same(d.t, name+": maxconn", d.connections(name), connections)
		var numbers []int
		d.Change(name, func(n *rollouttest.Node) { numbers = rollouttest.Numbers(n) })
		same(d.t, name+": generation", numbers[len(numbers)-1], generation)
	}
}

var three = []string{"node-1", "node-2", "node-3"}

// TestRollbackOfDrift: what was repaired on one node is a generation of the cluster, and
// going back does not take earlier changes from the others.
func TestRollbackOfDrift(t *testing.T) {
	for _, edited := range three {
		t.Run(edited, func(t *testing.T) {
			atDesk(t, func(d *desk) {
				d.kplb("apply", "--yes").ends(0)
				d.write(tuned(homeInventory, 5000))
				d.kplb("apply", "--yes").ends(0)
				d.Change(edited, func(n *rollouttest.Node) {
					f := n.Files["/etc/haproxy/haproxy.cfg"]
					f.Content = append(slices.Clone(f.Content), "# mine\n"...)
					n.Files["/etc/haproxy/haproxy.cfg"] = f
				})
				d.kplb("apply", "--yes", "--overwrite-drift").ends(0)
				d.have("5000", 3, three...)
				d.kplb("history").ends(0, "3 (current)", "on "+edited+": /etc/haproxy/haproxy.cfg\n")
				d.kplb("rollback", "--yes").ends(0, "nothing to do: the nodes are as they were then", "recorded as generation 4: node-1, node-2, node-3")
				d.have("5000", 4, three...)
				d.kplb("history").ends(0, "4 (current)", "back to generation 2")
				d.kplb("rollback", "--yes").ends(0, "haproxy: reloads")
				same(d.t, "is not 5000", d.connections("node-1") == "5000", false)
				d.kplb("history").ends(0, "5 (current)", "back to generation 1")
			})
		})
	}
}

// TestRollbackTwice goes back two generations, and never to where it came from.
func TestRollbackTwice(t *testing.T) {
	atDesk(t, func(d *desk) {
		for _, connections := range []int{4000, 5000, 6000, 7000} {
			d.write(tuned(homeInventory, connections))
			d.kplb("apply", "--yes").ends(0)
		}
		for i, want := range []string{"6000", "5000", "4000"} {
			d.kplb("rollback", "--yes").ends(0)
			d.have(want, 5+i, three...)
		}
		d.kplb("history").ends(0, "7 (current)", "back to generation 1")
		d.kplb("rollback", "--yes", "--to", "4").ends(0)
		d.have("7000", 8, three...)
		d.kplb("rollback", "--yes", "--to", "6").ends(0) // which is what 2 has
		d.have("5000", 9, three...)
		d.kplb("history").ends(0, "9 (current)", "back to generation 2")
		d.kplb("rollback", "--yes").ends(0)
		d.have("4000", 10, three...)
		d.kplb("rollback", "--yes").ends(0, "keepalived: stops") // before the first one is what was there before kplb
		same(d.t, "the VIP's holder", d.Holder(), "")
	})
}

// TestRollbackMembers: who was no member then leaves, and who was one comes back.
func TestRollbackMembers(t *testing.T) {
	atDeskWith(t, fourInventory, func(d *desk) {
		d.write(tuned(homeInventory, 4000))
		d.kplb("apply", "--yes").ends(0)
		d.write(tuned(fourInventory, 5000))
		d.kplb("apply", "--yes").ends(0)
		four := append(slices.Clone(three), "node-4")
		d.have("5000", 2, four...)
		d.kplb("history").ends(0, "  node node-4 added\n", "haproxy.cfg")

		d.kplb("rollback", "--yes").ends(0, "node-4 (no longer in the inventory: restored to its state before kplb)", proof("node-1"))
		d.have("4000", 3, three...)
		d.silent("node-4")
		d.kplb("history").ends(0, "  node node-4 removed\n", "  back to generation 1\n")

		d.kplb("rollback", "--yes", "--to", "2").ends(0, "ok  node-4: haproxy sees its servers: 4 of 4 up\n")
		d.have("5000", 4, four...)
		d.kplb("verify").ends(0)
		d.write(tuned(homeInventory, 4000)) // and now by the inventory
		d.kplb("apply", "--yes").ends(0)
		d.silent("node-4")
		d.have("4000", 5, three...)
		d.kplb("rollback", "--yes").ends(0) // of then
		d.have("5000", 6, four...)
	})
}

// TestRollbackInventory: the way back is proven against the inventory of then.
func TestRollbackInventory(t *testing.T) {
	for said, text := range map[string]string{
		"exposure: port, was bind-address": ported, "VIP's port: 7443, was 6443": homeInventory + "exposure: port\nhaproxy: {port: 7443}\n",
		"VRID: 99, was 218": homeInventory + "vrrp: {virtualRouterID: 99}\n",
	} {
		t.Run(said, func(t *testing.T) {
			atDesk(t, func(d *desk) {
				d.kplb("apply", "--yes").ends(0)
				d.write(text)
				d.kplb("apply", "--yes").ends(0)
				d.kplb("history").ends(0, said)
				d.kplb("rollback", "--yes").ends(0, "apiserver has its own address only: 10.1.1.1:6443")
				d.write(homeInventory)
				d.kplb("diff").ends(0)
				d.kplb("verify").ends(0)
				d.kplb("rollback", "--yes", "--to", "2").ends(0)
				d.write(text)
				d.kplb("diff").ends(0)
				d.kplb("verify").ends(0)
			})
		})
	}
}

// TestRollbackGap: a node that was off has no such generation, and whoever goes there hears
// which one all have.
func TestRollbackGap(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.write(ported)
		d.kplb("apply", "--yes").ends(0)
		off := func(is bool) { d.Change("node-3", func(n *rollouttest.Node) { n.Unreachable = is }) }
		off(true)
		d.write(homeInventory + "exposure: port\nhaproxy: {port: 8443, maxConn: 5000}\n")
		d.kplb("apply", "--yes", "--allow-unreachable").ends(0)
		off(false)
		d.kplb("apply", "--yes").ends(0)
		d.kplb("history").ends(0, "not on node-3\n")
		d.Change("node-3", func(n *rollouttest.Node) { same(d.t, "node-3 has", rollouttest.Numbers(n), []int{0, 1, 3}) })
		d.kplb("rollback", "--yes", "--to", "2").says(exitUnchanged, "",
			"kplb: node-3: does not have generation 2; it has 0, 1, 3\nkplb: hint: the newest generation that every node has is 3; see `kplb history`\n")
		d.kplb("rollback", "--yes", "--to", "1").ends(0)
		d.write(ported)
		d.kplb("diff").ends(0)
	})
}

// TestRollbackSecret: the command that a node's record names for a secret is never run.
func TestRollbackSecret(t *testing.T) {
	atDeskWith(t, fourInventory, func(d *desk) {
		ran := filepath.Join(d.t.TempDir(), "ran")
		with := func(text, source string) string {
			return text + "vrrp: {version: 2, advertInterval: 1s, auth: " + source + "}\n"
		}
		own := "{fromCommand: [printf, secret]}"
		d.write(with(fourInventory, own))
		d.kplb("apply", "--yes").ends(0)
		for _, name := range append(slices.Clone(three), "node-4") {
			d.Change(name, func(n *rollouttest.Node) {
				was := string(rollouttest.Record(n))
				text := strings.Replace(was, `fromCommand: [printf, secret]`, `fromCommand: [touch, \"`+ran+`\"]`, 1)
				if text == was {
					d.t.Fatal(was)
				}
				rollouttest.Rerecord(n, []byte(text))
			})
		}
		d.write(with(homeInventory, own))
		d.kplb("apply", "--yes").ends(0)
		d.kplb("rollback", "--yes").ends(exitUnchanged, "home: vrrp.auth came from another source then, and a node's record is no reason to ask it")
		if _, err := os.Stat(ran); err == nil {
			d.t.Error("the command has run")
		}
		same(d.t, "node-1 stays", len(d.connections("node-1")) > 0, true)
	})
}

// TestRollbackEdited: a saved generation that somebody has edited is not rolled out.
func TestRollbackEdited(t *testing.T) {
	for _, path := range []string{"/etc/haproxy/haproxy.cfg", "index", "record"} {
		t.Run(strings.ReplaceAll(path, "/", "_"), func(t *testing.T) {
			atDesk(t, func(d *desk) {
				d.kplb("apply", "--yes").ends(0)
				d.write(retuned)
				d.kplb("apply", "--yes").ends(0)
				d.Change("node-2", func(n *rollouttest.Node) { rollouttest.Edited(n, 1, path) })
				asked := len(d.Asked())
				d.kplb("rollback", "--yes").says(exitUnchanged, "", "kplb: node-2: generation 1 was edited since it was confirmed: "+path+"\nkplb: hint: see `kplb history`\n")
				same(d.t, "what the nodes were asked", d.Asked()[asked:], []string{})
			})
		})
	}
}

// TestRollbackUnrecorded: what an older kplb has made has no record. It is proven against
// the present inventory, or refused where nodes do not have it.
func TestRollbackUnrecorded(t *testing.T) {
	atDesk(t, func(d *desk) {
		for _, connections := range []int{4000, 5000} {
			d.write(tuned(homeInventory, connections))
			d.kplb("apply", "--yes").ends(0)
		}
		for _, name := range three {
			d.Change(name, rollouttest.Unrecord)
		}
		d.kplb("history").ends(0, "2 (current)", "not known: made by a kplb that kept no record")
		d.write(tuned(homeInventory, 6000))
		d.kplb("apply", "--yes").ends(0)
		d.kplb("rollback", "--yes", "--to", "1").ends(0, "generation 1 has no record: an older kplb has made it; it is proven against the present inventory")
		d.have("4000", 4, three...)
		d.kplb("rollback", "--yes", "--to", "3").ends(0)
		d.have("6000", 5, three...)

		d.Change("node-2", rollouttest.Lose)
		d.kplb("rollback", "--yes", "--to", "1").ends(exitUnchanged, "node-2: does not have generation 1; it has none")
	})
}

// TestRollbackUnproven: where what an older kplb has made is not what the present inventory
// asks for, nothing lasts.
func TestRollbackUnproven(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.write(ported)
		d.kplb("apply", "--yes").ends(0)
		for _, name := range three {
			d.Change(name, rollouttest.Unrecord)
		}
		d.write(homeInventory)
		d.kplb("apply", "--yes").ends(0)
		d.kplb("rollback", "--yes").ends(exitUnchanged, "generation 1 has no record", "stopped: every node is as before")
		d.kplb("diff").ends(0)
		d.kplb("verify").ends(0)
		d.write(ported) // with its own inventory it is proven
		d.kplb("rollback", "--yes", "--to", "1").ends(0)
		d.kplb("diff").ends(0)
	})
}

// TestRollbackInventoryRefused: an inventory of then that is not accepted any more names the
// kplb that accepts it.
func TestRollbackInventoryRefused(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		for _, name := range three {
			d.Change(name, func(n *rollouttest.Node) {
				text := strings.NewReplacer(`name: home\n`, `name: home\nsoul: 1\n`, "(devel)", "v0.9.0").Replace(string(rollouttest.Record(n)))
				rollouttest.Rerecord(n, []byte(text))
			})
		}
		d.write(retuned)
		d.kplb("apply", "--yes").ends(0)
		asked := len(d.Asked())
		d.kplb("rollback", "--yes").ends(exitUnchanged, "home: generation 1 was made of an inventory that this kplb does not take: the inventory of generation 1:",
			`key "soul" is not known here`, "hint: use kplb v0.9.0, which has made it")
		same(d.t, "what the nodes were asked", d.Asked()[asked:], []string{})
		d.kplb("history").ends(0, "v0.9.0")
	})
}

// TestRollbackToAnothers: who was a member then, and is another cluster's by now, is left
// alone, and so is everybody else.
func TestRollbackToAnothers(t *testing.T) {
	atDeskWith(t, fourInventory, func(d *desk) {
		d.write(fourInventory)
		d.kplb("apply", "--yes").ends(0)
		var theirs []byte
		d.Change("node-4", func(n *rollouttest.Node) { theirs = rollouttest.Record(n) })
		d.write(homeInventory)
		d.kplb("apply", "--yes").ends(0)
		d.Change("node-4", func(n *rollouttest.Node) {
			text := identity.ReplaceAllString(strings.ReplaceAll(string(theirs), `"name": "home"`, `"name": "other"`), `"id": "0123456789abcdef0123456789abcdef"`)
			rollouttest.Keep(n, 1, []byte(text))
		})
		asked := len(d.Asked())
		d.kplb("rollback", "--yes").ends(exitUnchanged, "node-4: was a member then, and is part of cluster other (01234567, generation 1, by ", "go to a generation without it, see `kplb history`")
		same(d.t, "what the nodes were asked", d.Asked()[asked:], []string{})
	})
}

// TestHistoryOfAnOlderKplb: what a kplb without records has made since has none, and is told.
func TestHistoryOfAnOlderKplb(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		d.write(retuned)
		d.kplb("apply", "--yes").ends(0)
		for _, name := range three {
			d.Change(name, func(n *rollouttest.Node) { rollouttest.Rerecord(n, nil) })
		}
		d.kplb("history").ends(0, "1            2000-01-01T00:00:00Z", "2 (current)  2026-11-20T20:00:00Z", "not known: made by a kplb that kept no record")
		d.kplb("apply", "--yes").ends(0, "recorded as generation 3: node-1, node-2, node-3")
		d.kplb("rollback", "--yes", "--to", "1").ends(0)
		d.write(homeInventory)
		d.kplb("diff").ends(0)
	})
}

// TestHistoryIsTheClusters: the same numbers on all nodes, whatever changed where.
func TestHistoryIsTheClusters(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		d.write(homeInventory + "# a remark\n")
		d.kplb("apply", "--yes").ends(0)
		d.have(d.connections("node-1"), 1, three...) // nothing is new: remarks are not recorded
		d.Change("node-2", rollouttest.Lose)
		d.kplb("apply", "--yes").ends(0, "recorded as generation 1: node-2")
		var list rollout.History
		if err := json.Unmarshal([]byte(d.kplb("history", "-o", "json").ends(0).stdout), &list); err != nil {
			d.t.Fatal(err)
		}
		same(d.t, "generations", len(list.Generations), 2)
		for _, g := range list.Generations {
			same(d.t, fmt.Sprintf("missing in %d", g.Number), g.Missing, nilStrings)
		}
	})
}

var nilStrings []string
