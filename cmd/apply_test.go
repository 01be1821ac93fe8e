package cmd

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kplb/kplb/rollout/rollouttest"
)

const retuned = homeInventory + "haproxy: {maxConn: 5000}\n"

// proof is what a proof of the home cluster says, with its holder.
func proof(holder string) string {
	var out strings.Builder
	for _, n := range []string{"1", "2", "3"} {
		out.WriteString("ok  node-" + n + ": /healthz on 10.1.1." + n + ":6443: ok, TLS verified\n" +
			"ok  node-" + n + ": /readyz on 10.1.1." + n + ":6443: ok, TLS verified\n" +
			"ok  node-" + n + ": apiserver has its own address only: 10.1.1." + n + ":6443\n" +
			"ok  node-" + n + ": haproxy sees its servers: 3 of 3 up\n")
	}
	return out.String() + "ok  one node holds 10.1.233.1: " + holder + "\nok  /healthz on 10.1.233.1:6443: ok, TLS verified\n"
}

func TestApply(t *testing.T) {
	atDesk(t, func(d *desk) {
		o := d.kplb("apply", "--yes").ends(0, proof("node-1"))
		same(d.t, "progress", o.stderr, `kplb: cluster: listening for others on 10.1.233.1
kplb: node-1: installing files
kplb: node-1: waiting for the apiserver on 10.1.1.1:6443 (usually 10s)
kplb: node-1: haproxy and keepalived
kplb: node-1: changed
kplb: node-2: installing files
kplb: node-2: waiting for the apiserver on 10.1.1.2:6443 (usually 10s)
kplb: node-2: haproxy and keepalived
kplb: node-2: changed
kplb: node-3: installing files
kplb: node-3: waiting for the apiserver on 10.1.1.3:6443 (usually 10s)
kplb: node-3: haproxy and keepalived
kplb: node-3: changed
kplb: cluster: proving /healthz through the VIP
kplb: cluster: confirming over new connections
`)
		asked := d.Asked()
		d.kplb("apply", "--yes").says(0, proof("node-1"), "kplb: nothing to do: 3 nodes are as the inventory says\n")
		d.kplb("apply").says(0, proof("node-1"), "kplb: nothing to do: 3 nodes are as the inventory says\n")
		d.kplb("diff").says(0, "node-2: nothing to do\nnode-3: nothing to do\nnode-1: nothing to do\n", "")
		same(d.t, "what the nodes were asked after the first apply", d.Asked(), asked)
	})
}

// TestApplyAsks: without --yes, and without anybody to ask, nothing is changed.
func TestApplyAsks(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("apply").ends(exitUsage, "node-1:\n", "stdin is not a terminal, so nobody can be asked: give --yes to go on without")
		d.kplb("apply", "--dry-run").ends(exitNo, "changes pending; this was a dry run")
		o := d.kplb("apply", "--dry-run", "-o", "json").ends(exitNo)
		same(d.t, "JSON", json.Valid([]byte(o.stdout)), true)
		d.kplb("apply", "--yes", "--confirm-timeout", "1s").ends(exitUsage, "confirm-timeout must be between 10s and 1h, not 1s")
		same(d.t, "what the nodes were asked", len(d.Asked()), 0)
	})
}

// TestApplyHandEdit: what somebody has edited is overwritten only on request.
func TestApplyHandEdit(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		d.Change("node-2", func(n *rollouttest.Node) {
			f := n.Files["/etc/haproxy/haproxy.cfg"]
			f.Content = append(f.Content[:len(f.Content):len(f.Content)], "# an edit\n"...)
			n.Files["/etc/haproxy/haproxy.cfg"] = f
		})
		d.kplb("diff").ends(exitNo, "-# an edit")
		d.kplb("apply", "--yes").ends(exitUnchanged, "node-2: /etc/haproxy/haproxy.cfg was edited by hand since kplb wrote it", "--overwrite-drift")
		d.kplb("apply", "--yes", "--overwrite-drift").ends(0, proof("node-1"))
		d.kplb("diff").ends(0)
	})
}

// TestApplyStops: a node that refuses stops the rollout, and everything is as before.
func TestApplyStops(t *testing.T) {
	for _, step := range []string{"stage", "transact", "manifest", "activate", "precommit", "confirm"} {
		t.Run(step, func(t *testing.T) {
			atDesk(t, func(d *desk) {
				before := d.kplb("diff").ends(exitNo).stdout
				d.Change("node-2", func(n *rollouttest.Node) { n.Refuses[step] = "its disk is full" })
				code, says := exitUnchanged, "node-2: its disk is full"
				if step == "confirm" { // the others have made it last by then
					code = exitChanged
				}
				o := d.kplb("apply", "--yes").ends(code, says)
				if step == "confirm" {
					o.ends(code, "changed and confirmed: node-1, node-3", "node-2 could not be told")
					return
				}
				d.Change("node-2", func(n *rollouttest.Node) { delete(n.Refuses, step) })
				after := d.kplb("diff").ends(exitNo)
				same(d.t, "what is to be done after it", after.stdout, before)
				d.kplb("apply", "--yes").ends(0)
			})
		})
	}
}

// TestApplyInterrupted takes back what has changed.
func TestApplyInterrupted(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		d.write(retuned)
		ctx, interrupt := context.WithCancel(d.t.Context())
		done := make(chan outcome)
		go func() { done <- d.kplbIn(ctx, strings.NewReader(""), "apply", "--yes", "--wait") }()
		time.Sleep(30 * time.Second)
		interrupt()
		o := <-done
		o.ends(exitInterrupted, "kplb: interrupted", "what has changed is taken back", "every node is as before")
		d.write(homeInventory)
		d.kplb("diff").ends(0)
	})
}

func TestApplyUnreachable(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		d.write(retuned)
		d.Change("node-3", func(n *rollouttest.Node) { n.Unreachable = true })
		d.kplb("apply", "--yes").ends(exitUnchanged, "node-3: is not reachable: no route to host", "hint: is it on?")
		d.kplb("apply", "--yes", "--allow-unreachable").ends(0, "node-3: left out")
		d.Change("node-2", func(n *rollouttest.Node) { n.Unreachable = true })
		d.kplb("apply", "--yes", "--allow-unreachable").ends(exitUnchanged, "only 1 of 3 nodes can be reached, and 2 are needed")
		for _, name := range []string{"node-2", "node-3"} {
			d.Change(name, func(n *rollouttest.Node) { n.Unreachable = false })
		}
		d.kplb("apply", "--yes").ends(0, "node-1: nothing to do", "node-2: nothing to do")
	})
}

// TestWaitReleasesLocks: whoever leaves the confirmation to others leaves them the locks.
func TestWaitReleasesLocks(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("unlock").says(0, "", "kplb: no node is locked\n")
		d.kplb("apply", "--yes").ends(0)
		d.write(retuned)
		done := make(chan outcome)
		go func() { done <- d.kplb("apply", "--yes", "--wait") }()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		d.kplb("apply", "--yes").ends(exitUnchanged, "node-1: a change is awaiting confirmation: ", "kplb confirm")
		d.kplb("unlock").says(0, "", "kplb: no node is locked\n")
		d.kplb("confirm").ends(0, "confirmed: node-1, node-2, node-3")
		(<-done).ends(0)
		d.kplb("diff").ends(0)
	})
}

// TestApplyNothingInJSON: with nothing to do, the proof is all there is to say.
func TestApplyNothingInJSON(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		o := d.kplb("apply", "-o", "json").ends(0)
		same(d.t, "stderr", o.stderr, "")
		var said struct {
			OK     bool   `json:"ok"`
			Holder string `json:"holder"`
		}
		if err := json.Unmarshal([]byte(o.stdout), &said); err != nil {
			d.t.Fatal(err)
		}
		same(d.t, "OK", said.OK, true)
		same(d.t, "holder", said.Holder, "node-1")
	})
}

// TestApplyNobodyReads: a plan that nobody could read is not carried out, and a
// change whose proof nobody reads has been made all the same.
func TestApplyNobodyReads(t *testing.T) {
	for _, c := range []struct {
		format  string
		code    int
		stderr  string // of a change, what comes after it
		changes bool
	}{
		{"text", exitUnchanged, "kplb: io: read/write on closed pipe\n", false},
		{"json", exitChanged, "kplb: io: read/write on closed pipe\nkplb: stopped: changed and confirmed: node-1, node-2, node-3\n", true},
	} {
		t.Run(c.format, func(t *testing.T) {
			atDesk(t, func(d *desk) {
				var diagnostics strings.Builder
				code := run(d.t.Context(), []string{"apply", "--yes", "-o", c.format, "-i", d.file}, d.streams(strings.NewReader(""), brokenPipe{}, &diagnostics))
				same(d.t, "exit code", code, c.code)
				end := diagnostics.String()
				if c.changes {
					_, end, _ = strings.Cut(end, "kplb: cluster: confirming over new connections\n")
				}
				same(d.t, "stderr", end, c.stderr)
				same(d.t, "changed", len(d.Asked()) > 0, c.changes)
			})
		})
	}
}
