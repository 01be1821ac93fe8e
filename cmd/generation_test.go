package cmd

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/kplb/kplb/rollout"
)

func TestHistoryAndRollback(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("history").says(0, "GENERATION  TIME  BY  KPLB  CHANGED\n", "")
		d.kplb("rollback", "--yes").ends(exitUnchanged, "home: the nodes have no generation yet", "see `kplb history`")
		d.kplb("apply", "--yes").ends(0)
		d.write(retuned)
		d.kplb("apply", "--yes").ends(0)
		d.kplb("history").ends(0, "GENERATION   TIME", "0                                  as it was before kplb",
			"1            2000-01-01T00:00:00Z  ", "  the first record of the cluster\n", "on all nodes: /etc/haproxy/haproxy.cfg, /etc/keepalived/keepalived.conf, ",
			"2 (current)  2000-01-01T00:00:01Z  ", "  on all nodes: /etc/haproxy/haproxy.cfg\n")
		var list rollout.History
		if err := json.Unmarshal([]byte(d.kplb("history", "-o", "json").ends(0).stdout), &list); err != nil {
			d.t.Fatal(err)
		}
		same(d.t, "generations in JSON", len(list.Generations), 3)

		d.kplb("rollback", "--yes", "--to", "7").ends(exitUnchanged, "home: there is no generation 7; there are 0, 1, 2")
		d.kplb("rollback", "--yes", "--to", "-1").ends(exitUsage, "--to takes a generation, 0 or more")
		d.kplb("rollback").ends(exitUsage, "-    maxconn 5000", "stdin is not a terminal, so nobody can be asked: give --yes to go on without")
		d.kplb("rollback", "--yes").ends(0, "-    maxconn 5000", "haproxy: reloads", proof("node-1"))
		d.write(homeInventory)
		d.kplb("diff").ends(0)
		d.kplb("rollback", "--yes", "--to", "1").says(0, "", "kplb: nothing to do: the nodes are as they were then\n")
	})
}

// TestRemove: nothing of kplb's is left, and what was there before is.
func TestRemove(t *testing.T) {
	atDesk(t, func(d *desk) {
		fresh := d.kplb("diff").ends(exitNo).stdout
		d.kplb("apply", "--yes").ends(0)
		d.kplb("remove").ends(exitUsage, "stdin is not a terminal, so nobody can be asked: give --yes to go on without")
		d.kplb("remove", "--yes").ends(0, "haproxy: stops", "keepalived: stops", "ok  node-3: does not hold 10.1.233.1: ok")
		same(d.t, "the VIP's holder", d.Holder(), "")
		same(d.t, "what apply would do", d.kplb("diff").ends(exitNo).stdout, fresh)
		d.kplb("history").says(0, "GENERATION  TIME  BY  KPLB  CHANGED\n", "")
	})
}

// TestPendingChange: a change that waits is kept, taken back, or goes by itself.
func TestPendingChange(t *testing.T) {
	start := func(d *desk) chan outcome {
		d.kplb("apply", "--yes").ends(0)
		d.kplb("confirm").ends(exitUnchanged, "home: no change is awaiting confirmation")
		d.write(retuned)
		done := make(chan outcome)
		go func() { done <- d.kplb("apply", "--yes", "--wait") }()
		time.Sleep(30 * time.Second)
		return done
	}
	t.Run("kept", func(t *testing.T) {
		atDesk(t, func(d *desk) {
			done := start(d)
			d.kplb("confirm").ends(0, proof("node-1"), "confirmed: node-1, node-2, node-3")
			(<-done).ends(0, "waiting for `kplb confirm`")
			d.kplb("diff").ends(0)
		})
	})
	t.Run("taken back", func(t *testing.T) {
		atDesk(t, func(d *desk) {
			done := start(d)
			d.kplb("rollback", "--yes").ends(0, "taken back: node-1, node-2, node-3")
			(<-done).ends(exitUnchanged, "not confirmed", "every node is as before")
			d.kplb("status").ends(exitNo, "was taken back at 2026-11-20T20:00:00Z: asked for by")
			d.write(homeInventory)
			d.kplb("diff").ends(0, "was taken back")
		})
	})
}
