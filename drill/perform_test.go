package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
)

// drills is a fleet in which all is well, and that is asked five times a
// second.
func drills(t *testing.T, faults ...string) (*fakeFleet, Options) {
	t.Helper()
	f := newFleet(t, applied)
	for _, n := range f.Nodes {
		n.EtcdHealth = `{"health":"true"}`
	}
	o := Options{
		Rounds: 1, Lasts: 4 * time.Second, Every: 200 * time.Millisecond, Limit: time.Second, Patience: 5 * time.Second, Power: time.Minute,
	}
	for _, name := range faults {
		fault, ok := Named(name)
		if !ok {
			t.Fatalf("no fault %s", name)
		}
		o.Faults = append(o.Faults, fault)
	}
	return f, o
}

// drilled is what the nodes were asked for, in order; what all of them are
// asked at once, once.
func (f *fakeFleet) drilled() []string {
	var out []string
	for _, asked := range f.Log() {
		node, what, _ := strings.Cut(asked, " drill ")
		if what == "watch" || what == "seen" || what == "end" {
			node = "all"
		}
		if one := node + " " + what; !slices.Contains(out, one) || node != "all" {
			out = append(out, one)
		}
	}
	return out
}

// logs has a node's own record: times are seconds of its clock, which runs
// ahead by 1000 s.
func logs(n *fakeNode, began time.Time, words map[string]string) {
	n.On["drill seen"] = func(_ context.Context, _ remote.Script, say say) error {
		now := 1000*time.Second + time.Since(began)
		say("clock", fmt.Sprintf("%d.%09d", int(now.Seconds()), now.Nanoseconds()%1e9))
		for key, value := range words {
			say(key, value)
		}
		say("done")
		return nil
	}
}

// TestDrill breaks the holder, puts it back, and takes the nodes' word for what
// happened when.
func TestDrill(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, o := drills(t, "haproxy-stopped")
		began := time.Now()
		logs(f.Nodes["node-1"], began, map[string]string{
			"struck": "1002.000000000\n", "mended": "1006.000000000\n", "by": "the operator\n", "holder": "1000.100000000 held\n1002.100000000 lost\n",
		})
		logs(f.Nodes["node-2"], began, map[string]string{"holder": "1000.100000000 lost\n1002.300000000 held\n"})
		logs(f.Nodes["node-3"], began, map[string]string{"holder": "1000.100000000 lost\n"})
		report, proof, err := Perform(t.Context(), f.Fleet, o)
		says(t, err, "")
		same(t, "asked", f.drilled(), []string{"all watch", "node-1 break", "node-1 mend", "all seen", "all end"})
		same(t, "proven afterwards", report.Proven && proof.OK(), true)
		same(t, "where the clients were", report.From, "node-2 (through SSH)")
		run := report.Runs[0]
		s := run.Result()
		same(t, "who took over", []any{s.Node, s.TookOver, s.Takeover, s.Mended, s.MendedBy, s.TwoHolders, s.Held}, []any{"node-1", "node-2", int64(300), int64(4000), "the operator", int64(0), true})
		if s.Failed > 0 || s.Connections < 20 || s.HeldConnections != 3 || s.Broken > 0 {
			t.Errorf("%+v", s)
		}
		same(t, "fault", fleettest.Asked[node.BreakRequest](f.Machines, "node-1 drill break").Fault, "haproxy-stopped")
		same(t, "apiserver", fleettest.Asked[node.BreakRequest](f.Machines, "node-1 drill break").APIServer.String(), "127.9.1.1:1")
		same(t, "the node's own timer", fleettest.Asked[node.BreakRequest](f.Machines, "node-1 drill break").MendAfter, 19*time.Second)
		f.Ends()
	})
}

// TestDrillRefuses to break what is needed, and what is not well.
func TestDrillRefuses(t *testing.T) {
	for _, c := range []struct {
		name, fault string
		change      func(*fakeFleet, *Options)
		says        string
	}{
		{"a cluster that is not well", "haproxy-stopped", func(f *fakeFleet, _ *Options) { f.Nodes["node-2"].Facts.Servers = nil }, "not proven: node-2: haproxy sees its servers: haproxy does not answer on 127.0.0.1:8404"},
		{"a lock", "haproxy-stopped", func(f *fakeFleet, _ *Options) {
			f.Nodes["node-3"].On["lock"] = func(_ context.Context, _ remote.Script, say say) error { say("held", "bob"); return errGone }
		}, "node-3: locked by bob"},
		{"the only node", "haproxy-stopped", func(f *fakeFleet, _ *Options) {
			f.Cluster.Nodes = f.Cluster.Nodes[:1]
			f.Nodes["node-1"].Facts.Servers = f.Nodes["node-1"].Facts.Servers[:1]
		}, "node-1: is the only control-plane node"},
		{"etcd's majority", "link-down", func(f *fakeFleet, _ *Options) { f.Nodes["node-2"].EtcdHealth = `{"health":"false"}` }, "node-1: link-down leaves etcd with 1 healthy members, fewer than the majority of 2"},
		{"a change that waits", "haproxy-stopped", func(f *fakeFleet, _ *Options) {
			put(f.Nodes["node-2"].Facts, "/var/lib/kplb/pending/txn", 0o600, []byte("t\n"))
		}, "node-2: a change is awaiting confirmation: "},
		{"no nft", "apiserver-cut", func(f *fakeFleet, _ *Options) { f.Nodes["node-1"].Facts.NFT = false }, "node-1: nft is not installed, and apiserver-cut needs it"},
		{"a node that does not want to", "haproxy-stopped", func(f *fakeFleet, _ *Options) { f.Nodes["node-1"].On["drill break"] = refuses("no room in /run") }, "node-1: no room in /run"},
		{"a stranger", "haproxy-stopped", func(_ *fakeFleet, o *Options) { o.Node = "node-9" }, "node-9 is not a control-plane node of the inventory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f, o := drills(t, c.fault)
				c.change(f, &o)
				report, _, err := Perform(t.Context(), f.Fleet, o)
				says(t, err, c.says)
				if report != nil && (len(report.Runs) > 0 || report.Proven) {
					t.Errorf("%+v", report)
				}
				same(t, "put back", f.Times("node-1 drill mend"), 0)
				f.Ends()
			})
		})
	}
}

// TestDrillPutsBack whatever happens meanwhile.
func TestDrillPutsBack(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(f *fakeFleet, interrupt func())
		says   string
		runs   int
		asked  []string
	}{
		{
			"Ctrl-C", func(f *fakeFleet, interrupt func()) {
				f.Nodes["node-1"].On["drill break"] = func(context.Context, remote.Script, say) error {
					go func() { time.Sleep(time.Second); interrupt() }()
					return nil
				}
			}, "context canceled", 1, []string{"all watch", "node-1 break", "node-1 mend", "all seen", "all end"},
		},
		{
			"the word of the node is lost", func(f *fakeFleet, _ func()) { f.Nodes["node-1"].On["drill break"] = fails(errGone) },
			"node: connection lost", 1, []string{"all watch", "node-1 break", "node-1 mend", "all seen", "all end"},
		},
		{
			"the connection is lost meanwhile", func(f *fakeFleet, _ func()) {
				lost := true
				f.Nodes["node-1"].On["drill mend"] = func(context.Context, remote.Script, say) error {
					defer func() { lost = false }()
					if lost {
						return errGone
					}
					return nil
				}
			}, "", 1, []string{"all watch", "node-1 break", "node-1 mend", "node-1 mend", "all seen", "all end"},
		},
		{
			"it cannot", func(f *fakeFleet, _ func()) {
				f.Nodes["node-1"].On["drill mend"] = refuses("haproxy-stopped: cannot be put back yet")
			},
			"node-1: is still broken (haproxy-stopped), and puts itself back within 19s: node-1: haproxy-stopped: cannot be put back yet", 1,
			[]string{"all watch", "node-1 break", "node-1 mend", "all seen", "all end"},
		},
		{
			"it is never well again", func(f *fakeFleet, _ func()) {
				f.Nodes["node-1"].On["drill mend"] = func(context.Context, remote.Script, say) error {
					f.Locked(func() { f.Nodes["node-1"].Facts.Servers = nil })()
					return nil
				}
			}, "not proven: node-1: haproxy sees its servers: haproxy does not answer on 127.0.0.1:8404", 1,
			[]string{"all watch", "node-1 break", "node-1 mend", "all seen", "all end"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f, o := drills(t, "haproxy-stopped")
				ctx, interrupt := context.WithCancel(t.Context())
				defer interrupt()
				c.change(f, interrupt)
				report, _, err := Perform(ctx, f.Fleet, o)
				says(t, err, c.says)
				same(t, "runs", len(report.Runs), c.runs)
				same(t, "asked", f.drilled(), c.asked)
				same(t, "proven", report.Proven, err == nil)
				f.Ends()
			})
		})
	}
}

// TestDrillCutsOff: a node that nobody reaches is waited for, and locked again,
// also where it has not noticed yet that its operator was gone.
func TestDrillCutsOff(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, o := drills(t, "link-down", "node-off")
		n := f.Nodes["node-1"]
		var back time.Time
		n.On["drill break"] = func(context.Context, remote.Script, say) error {
			back = time.Now().Add(8 * time.Second)
			return nil
		}
		n.Dial = func(int) error {
			if time.Now().Before(back) {
				return &remote.Error{Host: "node-1", Err: remote.ErrUnreachable}
			}
			return nil
		}
		ours, locks := false, 0
		n.On["lock"] = func(_ context.Context, _ remote.Script, say say) error {
			locks++
			if ours = !ours; locks > 1 && ours {
				say("held", f.Operator+" since 2026-11-25T14:00:00Z")
				return errGone
			}
			say("locked")
			return nil
		}
		ours = true // the first lock is taken by this
		report, _, err := Perform(t.Context(), f.Fleet, o)
		says(t, err, "")
		same(t, "asked", slices.DeleteFunc(f.drilled(), func(s string) bool { return strings.HasPrefix(s, "all ") }),
			[]string{"node-1 break", "node-1 unlock ", "node-1 mend", "node-1 break", "node-1 unlock ", "node-1 mend"})
		same(t, "runs", len(report.Runs), 2)
		same(t, "interface", fleettest.Asked[node.BreakRequest](f.Machines, "node-1 drill break").Interface, "eth0")
		off := report.Runs[1]
		same(t, "nobody has a record", off.Blind, []string{"node-1", "node-2", "node-3"})
		same(t, "but a node that is off holds nothing", off.Spans, []Span{{Node: "node-1", From: 0, To: off.Struck}})
		f.Ends()
	})
}

// TestDrillOffIsNotWaitedFor by whoever interrupts.
func TestDrillOffIsNotWaitedFor(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, o := drills(t, "node-off")
		ctx, interrupt := context.WithTimeout(t.Context(), 3*time.Second)
		defer interrupt()
		_, _, err := Perform(ctx, f.Fleet, o)
		says(t, err, "node-1: is off: context canceled")
		var broken *BrokenError
		if !errors.As(err, &broken) || broken.Hint() != "power node-1 on; nothing on its disk was changed" {
			t.Errorf("%v", err)
		}
	})
}

// TestNodeLog puts what a node has written down on the clock of the run.
func TestNodeLog(t *testing.T) {
	t.Parallel()
	written := node.DrillLog{
		Clock: 1000 * time.Second, At: time.Now(), Struck: 999 * time.Second,
		Changes: []node.HolderChange{{At: 990 * time.Second}, {At: 995250 * time.Millisecond, Holds: true}},
	}
	log := nodeLog{DrillLog: &written, asked: 9 * time.Second, arrived: 10 * time.Second}
	same(t, "changes", log.changes("node-1"), []Change{{Node: "node-1", At: 0}, {Node: "node-1", At: 5250 * time.Millisecond, Holds: true}})
	same(t, "doubt", log.doubt(), time.Second)
	at, ok := log.at(log.Struck)
	same(t, "struck", at, 9*time.Second)
	same(t, "known", ok, true)
	_, ok = log.at(log.Mended)
	same(t, "mended", ok, false)

	written.At = time.Time{} // it did not say what time it is there
	same(t, "changes without a clock", log.changes("node-1"), []Change(nil))
	same(t, "doubt without a clock", log.doubt(), time.Duration(0))
	_, ok = log.at(log.Struck)
	same(t, "struck without a clock", ok, false)
}
