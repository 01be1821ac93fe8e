package cmd

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/rollout/rollouttest"
)

const (
	ann       = "ann@desk since 2026-11-20T20:00:00Z"
	isLocked  = "kplb: node-1: locked by " + ann + "\n" + waitHint
	waitHint  = "kplb: hint: wait until it is done; if nobody is at work any more, the lock ends by itself within 20 s, and `kplb unlock` takes it away at once\n"
	unlocked3 = "kplb: node-1: was locked by " + ann + "\nkplb: node-2: was locked by " + ann + "\nkplb: node-3: was locked by " + ann + "\nkplb: no node is locked\n"
)

// annLocks has another operator take the locks of nodes, until the returned function is
// called.
func (d *desk) annLocks(names ...string) (ends func()) {
	d.t.Helper()
	hosts := make([]*rollouttest.Host, 0, len(names))
	for _, name := range names {
		h, err := d.Dial(d.t.Context(), inventory.Node{Name: name})
		if err == nil {
			err = node.Lock(d.t.Context(), h, node.LockRequest{Token: "ann's", Owner: ann})
		}
		if err != nil {
			d.t.Fatal(err)
		}
		hosts = append(hosts, h)
	}
	return func() {
		for _, h := range hosts {
			_ = h.Close()
		}
	}
}

// annConfirms has her confirm the change that is waiting, under her locks.
func (d *desk) annConfirms(names ...string) {
	d.t.Helper()
	for _, name := range names {
		h, err := d.Dial(d.t.Context(), inventory.Node{Name: name})
		if err == nil {
			err = node.Confirm(d.t.Context(), h, kubeadm.Distribution{}.Layout(), node.ConfirmRequest{Token: "ann's", Keep: 5})
		}
		if err != nil {
			d.t.Fatal(err)
		}
		_ = h.Close()
	}
}

// changingCommands are all commands that change nodes, but for unlock.
var changingCommands = [][]string{
	{"apply", "--yes"}, {"apply"}, {"apply", "--dry-run"}, {"apply", "--yes", "--wait"},
	{"rollback", "--yes"}, {"rollback"}, {"rollback", "--yes", "--to", "0"}, {"rollback", "--yes", "--to", "1"},
	{"remove", "--yes"}, {"remove"}, {"confirm"}, {"drill", "--yes"}, {"drill"},
}

// TestLocked: while an operator is at work, whoever else runs a command that changes
// something hears who it is, since when, and how to go on; and nothing is changed.
func TestLocked(t *testing.T) {
	t.Run("nothing is changed yet", func(t *testing.T) {
		atDesk(t, func(d *desk) {
			d.kplb("apply", "--yes").ends(0)
			d.write(retuned)
			end := d.annLocks("node-1", "node-2", "node-3")
			asked := len(d.Asked())
			for _, c := range changingCommands {
				d.kplb(c...).says(exitUnchanged, "", isLocked)
			}
			same(d.t, "what the nodes were asked", d.Asked()[asked:], []string{})
			d.kplb("diff").ends(exitNo, "+    maxconn 5000")
			end()
			d.kplb("apply", "--yes").ends(0)
		})
	})
	t.Run("nothing is to be done", func(t *testing.T) {
		atDesk(t, func(d *desk) {
			d.kplb("apply", "--yes").ends(0)
			d.annLocks("node-1", "node-2", "node-3")
			for _, c := range changingCommands {
				d.kplb(c...).says(exitUnchanged, "", isLocked)
			}
		})
	})
	t.Run("a change is in place", func(t *testing.T) {
		atDesk(t, func(d *desk) {
			done := d.waits(d.t.Context())
			end := d.annLocks("node-1", "node-2", "node-3")
			asked := len(d.Asked())
			for _, c := range changingCommands {
				d.kplb(c...).says(exitUnchanged, "", isLocked)
			}
			d.kplb("diff").says(exitUnchanged, "", strings.ReplaceAll("kplb: node-1: locked by ANN\nkplb: node-2: locked by ANN\nkplb: node-3: locked by ANN\n", "ANN", ann)+waitHint)
			if said := d.kplb("doctor").stdout; !strings.Contains(said, "locked by "+ann) || strings.Contains(said, "kplb confirm") {
				d.t.Errorf("doctor says:\n%s", said)
			}
			same(d.t, "what the nodes were asked", d.Asked()[asked:], []string{})
			end()
			d.kplb("confirm").ends(0, "confirmed: node-1, node-2, node-3")
			(<-done).ends(0)
		})
	})
	t.Run("one node is locked, not the first", func(t *testing.T) {
		atDesk(t, func(d *desk) {
			d.kplb("apply", "--yes").ends(0)
			d.annLocks("node-3")
			for _, c := range changingCommands {
				d.kplb(c...).says(exitUnchanged, "", strings.Replace(isLocked, "node-1", "node-3", 1))
			}
			d.kplb("unlock").says(0, "", "kplb: node-3: was locked by "+ann+"\nkplb: no node is locked\n")
		})
	})
	t.Run("taken away", func(t *testing.T) {
		atDesk(t, func(d *desk) {
			d.kplb("apply", "--yes").ends(0)
			d.write(retuned)
			d.annLocks("node-1", "node-2", "node-3")
			d.kplb("apply", "--yes").says(exitUnchanged, "", isLocked)
			d.kplb("unlock").says(0, "", unlocked3)
			d.kplb("apply", "--yes").ends(0)
		})
	})
}

// waits starts an apply that leaves its confirmation to others, and returns when it waits
// for that.
func (d *desk) waits(ctx context.Context) chan outcome {
	d.t.Helper()
	d.kplbIn(ctx, strings.NewReader(""), "apply", "--yes").ends(0)
	d.write(retuned)
	done := make(chan outcome, 1)
	go func() { done <- d.kplbIn(ctx, strings.NewReader(""), "apply", "--yes", "--wait") }()
	time.Sleep(30 * time.Second)
	synctest.Wait()
	return done
}

// TestOthersDuringApply: whatever others try at whatever time, an apply ends as if it were
// alone, and says so.
func TestOthersDuringApply(t *testing.T) {
	for _, other := range [][]string{{"confirm"}, {"apply", "--yes"}, {"drill", "--yes"}, {"remove"}, {"rollback"}} {
		t.Run(other[0], func(t *testing.T) {
			atDesk(t, func(d *desk) {
				d.kplb("apply", "--yes").ends(0)
				d.write(retuned)
				done := make(chan outcome, 1)
				go func() { done <- d.kplb("apply", "--yes") }()
				heard := 0
				for range 20 {
					time.Sleep(50 * time.Millisecond)
					synctest.Wait()
					if len(done) > 0 {
						break
					}
					o := d.kplb(other...)
					if strings.Contains(o.stderr, "locked by ") {
						o.ends(exitUnchanged)
						heard++
					}
				}
				o := (<-done).ends(0, proof("node-1"))
				if strings.Contains(o.stderr, "stopped:") || heard == 0 {
					d.t.Errorf("others heard of it %d times; it says:\n%s", heard, o.stderr)
				}
				d.kplb("diff").ends(0)
			})
		})
	}
}

// TestInterruptedWhileOthersConfirm: whoever gave the confirmation out of hand and is
// interrupted says what has become of the change.
func TestInterruptedWhileOthersConfirm(t *testing.T) {
	t.Run("nobody has the lock", func(t *testing.T) {
		atDesk(t, func(d *desk) {
			ctx, interrupt := context.WithCancel(d.t.Context())
			done := d.waits(ctx)
			interrupt()
			(<-done).ends(exitInterrupted, "stopped: taken back, as before: ", "every node is as before")
			d.kplb("unlock").says(0, "", "kplb: no node is locked\n")
		})
	})
	t.Run("another one confirms meanwhile", func(t *testing.T) {
		atDesk(t, func(d *desk) {
			ctx, interrupt := context.WithCancel(d.t.Context())
			done := d.waits(ctx)
			end := d.annLocks("node-1", "node-2", "node-3")
			interrupt()
			time.Sleep(5 * time.Second) // it waits for the lock
			same(d.t, "it has ended", len(done), 0)
			d.annConfirms("node-1", "node-2", "node-3")
			end()
			o := (<-done).ends(exitInterrupted, "stopped: changed and confirmed: node-1, node-3, node-2")
			if strings.Contains(o.stderr, "taken back, as before") || strings.Contains(o.stderr, "every node is as before") {
				d.t.Errorf("it says:\n%s", o.stderr)
			}
		})
	})
	t.Run("another one keeps the lock", func(t *testing.T) {
		atDesk(t, func(d *desk) {
			ctx, interrupt := context.WithCancel(d.t.Context())
			done := d.waits(ctx)
			d.annLocks("node-1", "node-2", "node-3")
			interrupt()
			(<-done).ends(exitInterrupted, "stopped: node-1 could not be told (node-1: locked by "+ann+"): unless that operator confirms the change, it is taken back within 1m0s")
		})
	})
}
