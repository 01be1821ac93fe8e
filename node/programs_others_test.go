package node

import (
	"maps"
	"slices"
	"testing"

	"github.com/kplb/kplb/node/programtest"
	"github.com/kplb/kplb/remote"
)

// changing are the programs that change a node, with their data, for the operator of
// a token.
func (o operator) changing(token string) map[string]remote.Script {
	drillVars := func(do string) remote.Script {
		s := drill(layout, do, token, map[string]string{"KPLB_FAULT": "haproxy-stopped", "KPLB_SECONDS": "25", "KPLB_VIP": "10.1.233.1"})
		s.Files = map[string][]byte{"mend": mendProgram(layout), "watch": []byte(file("drill_watch.sh"))}
		return s
	}
	whichever := func(s remote.Script) remote.Script {
		s.Vars["KPLB_TXN"] = ""
		return s
	}
	out := map[string]remote.Script{
		"stage": o.stage(second), "transact": o.transact(), "manifest": o.manifest(first), "activate": o.activate(first),
		"precommit": o.precommit(), "renew": o.script("renew", nil, nil), "confirm": o.confirm(), "revert": o.back(),
		"confirm whichever waits": whichever(o.confirm()), "revert whichever waits": whichever(o.back()),
		"forget":   o.script("forget", map[string]string{"KPLB_DIRS": ""}, nil),
		"packages": PackagesRequest{Names: []string{"haproxy"}}.script(), "packages fetched": PackagesRequest{Names: []string{"haproxy"}, FetchOnly: true}.script(),
		"drill watch": drillVars("watch"), "drill break": drillVars("break"), "drill mend": drillVars("mend"), "drill end": drillVars("end"),
	}
	for _, s := range out {
		s.Vars["KPLB_TOKEN"] = token
	}
	return out
}

// allOf is the whole of a node but for what says whose turn it is.
func allOf(n *programtest.Node) programtest.Tree {
	return n.Tree().Without("/run/kplb.lock", basePath+"/stage/seen").Below("/etc", "/run", "/var", "/node").Files().Without("/node/told")
}

// heldByAnn is what others hear while ann has the lock.
const heldByAnn = "held ann@desk, pid 7 since 2026\n"

// TestProgramsOthersWait: while an operator's lock lives, its change is in place and not
// confirmed, and every program of somebody else is refused with the operator's name. The
// node stays as it is.
func TestProgramsOthersWait(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := freshNode(t, shell)
		n, ann := o.node, o.node.Dial()
		n.Must("rm -f /run/kplb.owner /run/kplb.token")
		same(t, "ann locks", n.RunOn(ann, o.lock("ann@desk, pid 7 since 2026", token)).String(), "locked \n")
		for _, s := range o.steps(first)[:4] {
			if a := s.run(); !a.Done() {
				t.Fatalf("%s: %s", s.name, a)
			}
		}
		n.Told()
		before := allOf(n)
		for _, other := range []string{"", "B"} {
			scripts := o.changing(other)
			for _, name := range slices.Sorted(maps.Keys(scripts)) {
				s := scripts[name]
				same(t, name+" of "+other, n.Run(s).String(), heldByAnn+"node: "+s.Name+": exit status 1\n")
				same(t, name+" leaves the node", allOf(n), before)
				same(t, name+" tells nobody", n.Told(), []string(nil))
			}
		}
		same(t, "ann goes on", n.Run(o.precommit()).Done() && n.Run(o.confirm()).Done(), true)
		same(t, "the generation is hers", n.Read(basePath+"/current"), "1\n")
	})
}

// TestProgramsOrphan: the change of an operator whose lock has ended is for whoever
// comes: to confirm, to take back, and to wait for its time.
func TestProgramsOrphan(t *testing.T) {
	t.Parallel()
	whichever := func(s remote.Script, token string) remote.Script {
		s.Vars["KPLB_TXN"], s.Vars["KPLB_TOKEN"] = "", token
		return s
	}
	ends := map[string]func(t *testing.T, o operator, ann *remote.Host){
		"released": func(t *testing.T, o operator, ann *remote.Host) {
			same(t, "release", o.node.RunOn(ann, o.release(token)).Done(), true)
		},
		"connection lost": func(t *testing.T, o operator, ann *remote.Host) {
			_ = ann.Close()
			eventually(t, "the lock ends", func() bool { return !o.node.Exists("/run/kplb.token") })
		},
		"killed, and its files are left": func(t *testing.T, o operator, ann *remote.Host) {
			_ = ann.Close()
			eventually(t, "the lock ends", func() bool { return !o.node.Exists("/run/kplb.token") })
			o.node.Write("/run/kplb.owner", "ann\n", 0o600)
			o.node.Write("/run/kplb.token", token+"\n", 0o600)
		},
		"taken away": func(t *testing.T, o operator, _ *remote.Host) { same(t, "unlock", o.node.Run(o.unlock()).Done(), true) },
	}
	for i, name := range slices.Sorted(maps.Keys(ends)) {
		for j, bob := range []struct {
			does, token string // of the lock that he has taken; empty: he has not
		}{{"confirms", "B"}, {"reverts", "B"}, {"confirms", ""}, {"reverts", ""}, {"waits", ""}} {
			alternately(t, i+j, name+", bob "+bob.does+" with the lock "+bob.token, func(t *testing.T, shell string) {
				o := freshNode(t, shell)
				n, ann := o.node, o.node.Dial()
				n.Must("rm -f /run/kplb.owner /run/kplb.token")
				before := stateOf(n)
				n.RunOn(ann, o.lock("ann", token))
				for _, s := range o.steps(first)[:4] {
					if a := s.run(); !a.Done() {
						t.Fatalf("%s: %s", s.name, a)
					}
				}
				ends[name](t, o, ann)
				if bob.token != "" {
					same(t, "bob locks", n.RunOn(n.Dial(), o.lock("bob", bob.token)).String(), "locked \n")
				}
				switch bob.does {
				case "confirms":
					same(t, "confirm", n.Run(whichever(o.confirm(), bob.token)).String(), "confirmed 1\ndone \n")
					same(t, "pending", n.Exists(basePath+"/pending"), false)
				case "reverts":
					same(t, "revert", n.Run(whichever(o.back(), bob.token)).String(), "done \n")
					same(t, "the node", stateOf(n), before)
				case "waits":
					same(t, "the timer", n.Elapse("kplb-restore.timer") != "", true)
					same(t, "the node", stateOf(n), before)
				}
			})
		}
	}
}

// TestProgramsWayBackNeedsNoLock: whoever holds the lock, the timer and the boot take an
// unconfirmed change back.
func TestProgramsWayBackNeedsNoLock(t *testing.T) {
	t.Parallel()
	for i, way := range []string{"by its timer", "at boot"} {
		for j, holder := range []string{token, "B"} {
			alternately(t, i+j, way+", the lock is "+holder+"'s", func(t *testing.T, shell string) {
				o := freshNode(t, shell)
				n := o.node
				before := stateOf(n)
				o.does(t, first, "activate")
				n.Must("rm -f /run/kplb.owner /run/kplb.token")
				same(t, "locked", n.Run(o.lock("somebody", holder)).String(), "locked \n")
				for _, w := range o.ways() {
					if w.name == way {
						w.take(t)
					}
				}
				same(t, "the node", stateOf(n), before)
			})
		}
	}
}

// TestProgramsWokenOperator: an operator who slept until its lock was gone, and comes
// back while another one has it, changes nothing; when that one is done, it hears what
// has become of its change.
func TestProgramsWokenOperator(t *testing.T) {
	t.Parallel()
	cases := []struct{ bob, says, reverts string }{
		{"confirms", "the change was confirmed meanwhile", "confirmed \ndone \n"},
		{"reverts", "the change was taken back, the rollout stopped: a test", "done \n"},
		{"waits", "the change was taken back, because it was not confirmed in time", "done \n"},
	}
	for i, c := range cases {
		alternately(t, i, "bob "+c.bob, func(t *testing.T, shell string) {
			o := freshNode(t, shell)
			n, bob := o.node, o.node.Dial()
			o.does(t, first, "activate")
			n.Must("rm -f /run/kplb.owner /run/kplb.token")
			n.RunOn(bob, o.lock("ann@desk, pid 7 since 2026", "B")) // bob, under her name
			whichever := map[string]remote.Script{"confirms": o.confirm(), "reverts": o.back()}
			switch s, acts := whichever[c.bob]; {
			case acts:
				s.Vars["KPLB_TXN"], s.Vars["KPLB_TOKEN"] = "", "B"
				same(t, c.bob, n.RunOn(bob, s).Done(), true)
			default:
				n.Elapse("kplb-restore.timer")
			}
			before := allOf(n)
			for _, s := range []remote.Script{o.activate(first), o.precommit(), o.confirm(), o.script("renew", nil, nil), o.back(), o.stage(second)} {
				same(t, s.Name, n.Run(s).String(), heldByAnn+"node: "+s.Name+": exit status 1\n")
			}
			same(t, "the node", allOf(n), before)
			n.RunOn(bob, o.release("B"))
			same(t, "activate", n.Run(o.activate(first)).Refused(), c.says)
			same(t, "precommit", n.Run(o.precommit()).Refused(), c.says)
			same(t, "revert", n.Run(o.back()).String(), c.reverts)
		})
	}
}

// TestProgramsForcedUnlock: the end of an operator whose lock was taken away leaves what
// the next one has staged.
func TestProgramsForcedUnlock(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		for _, how := range []string{"release", "connection lost"} {
			o := lockNode(t, shell)
			n, ann, bob := o.node, o.node.Dial(), o.node.Dial()
			n.RunOn(ann, o.lock("ann", "A"))
			n.Run(o.unlock())
			n.RunOn(bob, o.lock("bob", token))
			if a := n.RunOn(bob, o.stage(first)); !a.Done() {
				t.Fatal(a)
			}
			before := allOf(n)
			if how == "release" {
				n.RunOn(ann, o.release("A"))
			} else {
				_ = ann.Close()
				n.Must("env sleep 0.5")
			}
			same(t, how, allOf(n), before)
			if a := n.RunOn(bob, o.transact()); !a.Done() {
				t.Errorf("%s: bob goes on: %s", how, a)
			}
		}
	})
}

// TestProgramsLateStep: a step that comes after its operator has taken the change back is
// refused, and so is everybody else as long as the operator has the lock.
func TestProgramsLateStep(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := lockNode(t, shell)
		n, ann := o.node, o.node.Dial()
		n.RunOn(ann, o.lock("ann@desk, pid 7 since 2026", token))
		if a := n.Run(o.stage(first)); !a.Done() {
			t.Fatal(a)
		}
		late := o.transact()
		same(t, "back", n.Run(o.back()).Done(), true)
		same(t, "late", n.Run(late).Refused(), "the lock was removed meanwhile")
		same(t, "back again", n.Run(o.back()).Done(), true)
		bob := o.confirm()
		bob.Vars["KPLB_TOKEN"] = ""
		same(t, "bob", n.Run(bob).String(), heldByAnn+"node: confirm: exit status 1\n")
		same(t, "ann releases", n.RunOn(ann, o.release(token)).Done(), true)
		same(t, "nothing is left", n.Exists("/run/kplb.token") || n.Exists("/run/kplb.owner"), false)
	})
}

// TestProgramsInspectLock: an inspection says who else is at work.
func TestProgramsInspectLock(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := lockNode(t, shell)
		n, ann := o.node, o.node.Dial()
		locked := func(token string) string {
			fields, _ := n.Run(InspectRequest{Token: token}.script(layout)).Said("locked")
			if len(fields) == 0 {
				return ""
			}
			return fields[0]
		}
		same(t, "nobody", locked(""), "")
		same(t, "it changes nothing", n.Exists("/run/kplb.holder"), false)
		n.RunOn(ann, o.lock("ann", "A"))
		same(t, "for others", locked("")+locked("B"), "annann")
		same(t, "for ann", locked("A"), "")
		n.RunOn(ann, o.release("A"))
		same(t, "released", locked(""), "")
		n.Write("/run/kplb.owner", "ann\n", 0o600)
		n.Write("/run/kplb.token", "A\n", 0o600)
		same(t, "of the dead", locked(""), "")
	})
}
