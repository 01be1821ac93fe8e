package cmd

import (
	"strings"
	"testing"

	"github.com/kplb/kplb/rollout/rollouttest"
)

// asWorker is home with one of its nodes as a worker, and node-4 in its place.
func asWorker(name string) string {
	number := name[len(name)-1:]
	line := "  - {name: " + name + ", address: 10.1.1." + number + "}\n"
	return strings.Replace(fourInventory, line, "", 1) + "workers: [{name: " + name + ", address: 10.1.1." + number + "}]\n"
}

// silent fails the test unless nothing of kplb's speaks VRRP on the node any more.
func (d *desk) silent(name string) {
	d.t.Helper()
	d.Change(name, func(n *rollouttest.Node) {
		same(d.t, name+" keepalived", *n.Units["keepalived"], rollouttest.Unit{})
		for path, f := range n.Files {
			if strings.Contains(string(f.Content), "made from cluster") {
				d.t.Errorf("%s still has %s", name, path)
			}
		}
	})
}

// TestNodeBecomesWorker: who was a control-plane node loses keepalived with the same apply by
// which the others forget it.
func TestNodeBecomesWorker(t *testing.T) {
	for _, name := range []string{"node-1", "node-3"} { // the first one holds the VIP
		t.Run(name, func(t *testing.T) {
			atDeskWith(t, fourInventory, func(d *desk) {
				d.write(fourInventory)
				d.kplb("apply", "--yes").ends(0)
				d.write(asWorker(name))
				d.Change(name, func(n *rollouttest.Node) {
					n.Files["/etc/kubernetes/kubelet.conf"] = rollouttest.File{Mode: 0o600, Content: []byte("kind: Config\n")}
				})
				d.kplb("verify").ends(exitNo, "NO  "+name+": files are as rendered: kplb's keepalived is on it, of its time as a control-plane node, and may hold 10.1.233.1\n")
				d.kplb("status").ends(exitNo, name+": kplb's keepalived is on it, of its time as a control-plane node, and may hold 10.1.233.1\n")
				d.kplb("diff").ends(exitNo, name+" (no longer a control-plane node: restored to its state before kplb):\n", "  -> keepalived: stops\n",
					"kplb: "+name+": goes back to what it was before kplb; the next apply gives it what workers get\n")
				d.kplb("apply", "--yes", "--forget", name).ends(exitUnchanged, name+": kplb's keepalived is on it, of its time as a control-plane node")
				d.kplb("apply", "--yes").ends(0, name+": restoring files")
				d.silent(name)
				d.kplb("diff").says(0, d.kplb("diff").stdout, "")
				d.kplb("verify").ends(0)
			})
		})
	}
}

// TestWorkerThatIsOffStillSpeaks: nobody strikes such a node from its peers while it is off.
func TestWorkerThatIsOffStillSpeaks(t *testing.T) {
	atDeskWith(t, fourInventory, func(d *desk) {
		d.write(fourInventory)
		d.kplb("apply", "--yes").ends(0)
		d.write(asWorker("node-3"))
		d.Change("node-3", func(n *rollouttest.Node) { n.Unreachable = true })
		asked := len(d.Asked())
		d.kplb("apply", "--yes", "--allow-unreachable").says(exitUnchanged, "", leftOut3+
			"kplb: node-3: it is away (is not reachable: no route to host), and still has keepalived of its time as a control-plane node: when it comes back, it and another node both hold 10.1.233.1\n"+
			"kplb: hint: turn node-3 on first\n")
		same(d.t, "what the nodes were asked", d.Asked()[asked:], []string{})
	})
}

// TestLeavesWithoutState: a node without /var/lib/kplb is known by its stamped files, however
// it leaves: from the inventory, to the workers, or with everybody by remove.
func TestLeavesWithoutState(t *testing.T) {
	const lost = "kplb: node-3: /var/lib/kplb is lost, and with it what was there before: kplb's files go, and the apiserver's manifest stays as it is\n"
	for name, after := range map[string]string{"leaves the inventory": strings.Replace(fourInventory, "  - {name: node-3, address: 10.1.1.3}\n", "", 1), "becomes a worker": asWorker("node-3")} {
		t.Run(name, func(t *testing.T) {
			atDeskWith(t, fourInventory, func(d *desk) {
				d.write(fourInventory)
				d.kplb("apply", "--yes").ends(0)
				d.Change("node-3", rollouttest.LoseState)
				d.write(after)
				d.kplb("apply", "--yes").ends(0, lost, "  -> keepalived: stops\n")
				d.silent("node-3")
			})
		})
	}
	t.Run("is removed", func(t *testing.T) {
		atDesk(t, func(d *desk) {
			d.kplb("apply", "--yes").ends(0)
			d.Change("node-3", rollouttest.LoseState)
			d.kplb("remove", "--yes").ends(0, "  -> keepalived: stops\n")
			d.silent("node-3")
			same(d.t, "the VIP's holder", d.Holder(), "")
		})
	})
	t.Run("all are removed", func(t *testing.T) {
		atDesk(t, func(d *desk) {
			d.kplb("apply", "--yes").ends(0)
			for _, name := range []string{"node-1", "node-2", "node-3"} {
				d.Change(name, rollouttest.LoseState)
			}
			d.kplb("remove", "--yes").ends(0)
			for _, name := range []string{"node-1", "node-2", "node-3"} {
				d.silent(name)
			}
		})
	})
	t.Run("is removed, and was never kplb's", func(t *testing.T) {
		atDesk(t, func(d *desk) {
			d.kplb("remove", "--yes").says(0, "", "kplb: nothing to do: the nodes are as they were then\n")
		})
	})
}

// TestRemoveWithoutANode: an inventory that lacks a node does not prove that kplb is gone.
func TestRemoveWithoutANode(t *testing.T) {
	without3 := strings.Replace(homeInventory, "  - {name: node-3, address: 10.1.1.3}\n", "", 1)
	const keeps = "kplb's files on the nodes have 10.1.1.3 as one of them, and the inventory does not: it would keep kplb, and hold 10.1.233.1\n"
	const putBack = "kplb: hint: put it back into the inventory, or run `kplb apply` first, which cleans it; if that machine is gone for good, give --forget "
	for _, c := range []struct {
		name     string
		change   func(d *desk)
		text     string
		args     []string
		says     string
		proceeds bool
	}{
		{"it lacks node-3", func(*desk) {}, without3, nil, "kplb: node-3: " + keeps + putBack + "node-3\n", false},
		{"by rollback", func(*desk) {}, without3, []string{"rollback", "--yes", "--to", "0"}, "kplb: node-3: " + keeps + putBack + "node-3\n", false},
		{"haproxy.cfg was edited, keepalived.conf names it", func(d *desk) {
			for _, name := range []string{"node-1", "node-2"} {
				d.Change(name, func(n *rollouttest.Node) {
					n.Files["/etc/haproxy/haproxy.cfg"] = rollouttest.File{Mode: 0o644, Content: []byte("global\n    daemon\n")}
				})
			}
		}, without3, nil, "kplb: node-3: " + keeps + putBack + "node-3\n", false},
		{"the same, and an older kplb has kept no record", func(d *desk) {
			for _, name := range []string{"node-1", "node-2"} {
				d.Change(name, func(n *rollouttest.Node) {
					rollouttest.Unrecord(n)
					n.Files["/etc/haproxy/haproxy.cfg"] = rollouttest.File{Mode: 0o644, Content: []byte("global\n    daemon\n")}
				})
			}
		}, without3, nil, "kplb: home: " + keeps + putBack + "10.1.1.3\n", false},
		{"its record alone names it", func(d *desk) {
			for _, name := range []string{"node-1", "node-2"} {
				d.Change(name, func(n *rollouttest.Node) {
					for _, path := range []string{"/etc/haproxy/haproxy.cfg", "/etc/keepalived/keepalived.conf"} {
						n.Files[path] = rollouttest.File{Mode: 0o644, Content: []byte("global\n    daemon\n")}
					}
				})
			}
		}, without3, nil, "kplb: node-3: " + keeps + putBack + "node-3\n", false},
		{"it has node-3 as a worker", func(*desk) {}, without3 + "workers: [{name: node-3, address: 10.1.1.3}]\n", nil,
			"kplb: node-3: kplb's keepalived is on it, of its time as a control-plane node\nkplb: hint: run `kplb apply` first: it cleans the node\n", false},
		{"after an apply", func(d *desk) { d.kplb("apply", "--yes").ends(0); d.silent("node-3") }, without3, nil, "", true},
		{"put back", func(d *desk) { d.write(homeInventory) }, without3, nil, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			atDesk(t, func(d *desk) {
				d.kplb("apply", "--yes").ends(0)
				d.write(c.text)
				c.change(d)
				asked := len(d.Asked())
				args := c.args
				if args == nil {
					args = []string{"remove", "--yes"}
				}
				if c.proceeds {
					d.kplb(args...).ends(0)
					same(d.t, "the VIP's holder", d.Holder(), "")
					return
				}
				d.kplb(args...).says(exitUnchanged, "", c.says)
				same(d.t, "what the nodes were asked", d.Asked()[asked:], []string{})
			})
		})
	}
}

// TestForget: a machine that lives is not forgotten, whatever of it can be reached; one that
// is off is.
func TestForget(t *testing.T) {
	const turnOff = "kplb: hint: turn that machine off, or apply without --forget, which cleans it; where its sshd wants another port or user, name them in ~/.ssh/config (Host 10.1.1.4)\n"
	const listens = "kplb: cluster: listening for node-4\n"
	for _, c := range []struct {
		name   string
		change func(*rollouttest.Node) // of node-4
		deaf   []string
		says   string // empty: it is forgotten
	}{
		{"it is on", func(*rollouttest.Node) {}, nil, "kplb: node-4: it is not gone: 10.1.1.4:22 takes connections from node-1\n" + turnOff},
		{"it lets nobody in", func(n *rollouttest.Node) { n.RefusesLogin = true }, nil, "kplb: node-4: it is not gone: 10.1.1.4:22 takes connections from node-1\n" + turnOff},
		{"its sshd has another port", func(n *rollouttest.Node) { n.SSHElsewhere = true }, nil, "kplb: node-4: it is not gone: 10.1.1.4:6443 takes connections from node-1\n" + turnOff},
		{"and its apiserver is dead", func(n *rollouttest.Node) { n.SSHElsewhere, n.Crashed = true, true }, nil,
			listens + "kplb: node-4: it is not gone: 52:54:00:00:00:04 answers for 10.1.1.4, as node-1 sees it\n" + turnOff},
		{"and only one node can listen", func(n *rollouttest.Node) { n.SSHElsewhere, n.Crashed = true, true }, []string{"node-1", "node-2"},
			listens + "kplb: node-4: it is not gone: 52:54:00:00:00:04 answers for 10.1.1.4, as node-3 sees it\n" + turnOff},
		{"it is off, and nobody can listen", func(n *rollouttest.Node) { n.Unreachable = true }, []string{"node-1", "node-2", "node-3"},
			listens + "kplb: node-4: it is not proven to be gone (node-1: no perl on the node; node-2: no perl on the node; node-3: no perl on the node)\n" +
				"kplb: hint: install perl on one of the nodes, so that it can ask for the machine\n"},
		{"it is off, and one can listen", func(n *rollouttest.Node) { n.Unreachable = true }, []string{"node-1", "node-2"}, ""},
		{"it is off", func(n *rollouttest.Node) { n.Unreachable = true }, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			atDeskWith(t, fourInventory, func(d *desk) {
				d.write(fourInventory)
				d.kplb("apply", "--yes").ends(0)
				d.write(homeInventory)
				d.Change("node-4", c.change)
				for _, name := range c.deaf {
					d.Change(name, func(n *rollouttest.Node) { n.Deaf = "no perl on the node" })
				}
				asked := len(d.Asked())
				commands := [][]string{{"diff", "--forget", "node-4"}, {"apply", "--yes", "--forget", "node-4"}, {"remove", "--yes", "--forget", "node-4"}}
				if c.says == "" {
					d.kplb(commands[0]...).ends(exitNo, "run `kplb apply`")
					d.kplb(commands[1]...).ends(0)
					d.kplb("diff").ends(0)
					return
				}
				for _, args := range commands {
					d.kplb(args...).says(exitUnchanged, "", c.says)
				}
				same(d.t, "what the nodes were asked", d.Asked()[asked:], []string{})
			})
		})
	}
}

// TestForgetOnRemove: remove forgets a machine that is off, likewise.
func TestForgetOnRemove(t *testing.T) {
	atDeskWith(t, fourInventory, func(d *desk) {
		d.write(fourInventory)
		d.kplb("apply", "--yes").ends(0)
		d.write(homeInventory)
		d.Change("node-4", func(n *rollouttest.Node) { n.Unreachable = true })
		d.kplb("remove", "--yes").ends(exitUnchanged, "give --forget node-4")
		d.kplb("remove", "--yes", "--forget", "node-4").ends(0)
		same(d.t, "the VIP's holder", d.Holder(), "")
	})
}

// TestStruckPeer: keepalived.conf names a peer that haproxy.cfg does not, and that is no node:
// nobody can clean it, so nobody strikes it.
func TestStruckPeer(t *testing.T) {
	atDeskWith(t, fourInventory, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		for _, name := range []string{"node-1", "node-2", "node-3"} {
			d.Change(name, func(n *rollouttest.Node) {
				f := n.Files["/etc/keepalived/keepalived.conf"]
				f.Content = []byte(strings.Replace(string(f.Content), "unicast_peer {\n", "unicast_peer {\n        10.1.1.4\n", 1))
				n.Files["/etc/keepalived/keepalived.conf"] = f
			})
		}
		const says = "kplb: home: keepalived on the nodes has 10.1.1.4 as a peer, which is no node of the inventory: without it, both it and a node would hold 10.1.233.1\n" +
			"kplb: hint: put it into the inventory; if that machine is gone for good, give --forget 10.1.1.4\n"
		d.kplb("apply", "--yes", "--overwrite-drift").says(exitUnchanged, "", says)
		d.kplb("diff").says(exitUnchanged, "", says)
		d.kplb("diff", "--forget", "10.1.1.4").ends(exitUnchanged, "kplb: 10.1.1.4: it is not gone: 10.1.1.4:22 takes connections from node-1")
		d.Change("node-4", func(n *rollouttest.Node) { n.Unreachable = true })
		d.kplb("apply", "--yes", "--overwrite-drift", "--forget", "10.1.1.4").ends(0)
	})
}
