package node

import (
	"testing"
	"time"

	"github.com/kplb/kplb/node/programtest"
	"github.com/kplb/kplb/remote"
)

// lockNode is a node whose lock nobody has.
func lockNode(t *testing.T, shell string) operator {
	t.Helper()
	return operator{node: programtest.New(t, shell), txn: "txn1"}
}

// lock is the program that takes the lock, for an operator of that name.
func (o operator) lock(owner, token string) remote.Script {
	s := o.script("lock", map[string]string{"KPLB_OWNER": owner, "KPLB_TOKEN": token, "KPLB_SECONDS": "20"}, nil)
	s.Resident, s.Heartbeat = true, 5*time.Second
	return s
}

func (o operator) release(token string) remote.Script {
	s := o.script("release", map[string]string{"KPLB_TOKEN": token}, nil)
	s.Resident = true
	return s
}

func (o operator) unlock() remote.Script { return o.script("unlock", nil, nil) }

// eventually waits for what the node does by itself, in real time.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 500 {
		if is() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("never: %s", what)
}

// TestProgramsLock: one operator at a time, for as long as its connection lives.
func TestProgramsLock(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := lockNode(t, shell)
		n, bob := o.node, o.node.Dial()
		same(t, "ann locks", n.Run(o.lock("ann", "A")).String(), "locked \n")
		same(t, "bob is told", n.RunOn(bob, o.lock("bob", "B")).String(), "held ann\nnode: lock: exit status 1\n")
		same(t, "her token", n.Read("/run/kplb.token"), "A\n")
		same(t, "of root's alone", n.Tree()["/run/kplb.token"].Mode.String(), "-rw-------")
		same(t, "ann releases", n.Run(o.release("A")).String(), "done \n")
		same(t, "nothing is left", n.Exists("/run/kplb.token") || n.Exists("/run/kplb.owner"), false)
		same(t, "bob locks", n.RunOn(bob, o.lock("bob", "B")).String(), "locked \n")
		same(t, "ann releases again", n.Run(o.release("A")).String(), "done \n")
		same(t, "bob still has it", n.Read("/run/kplb.token"), "B\n")

		_ = bob.Close()
		eventually(t, "bob's lock ends with his connection", func() bool { return !n.Exists("/run/kplb.token") })
		const words = "CORP\\tom's $(reboot) since 2026"
		same(t, "ann locks again", n.Run(o.lock(words, "A2")).String(), "locked \n")
		same(t, "carol is told", n.RunOn(n.Dial(), o.lock("carol", "C")).String(), "held "+words+"\nnode: lock: exit status 1\n")
	})
}

// TestProgramsUnlock takes the lock away from an operator that is alive: none of
// its steps is carried out any more, and its end does not end somebody else's lock.
func TestProgramsUnlock(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := lockNode(t, shell)
		n, ann := o.node, o.node.Dial()
		same(t, "nobody has it", n.Run(o.unlock()).String(), "free \ndone \n")
		same(t, "ann locks", n.RunOn(ann, o.lock("ann", token)).String(), "locked \n")
		same(t, "unlock", n.Run(o.unlock()).String(), "taken ann\ndone \n")
		if a := n.RunOn(ann, o.stage(first)); a.Refused() != "the lock was removed meanwhile" {
			t.Errorf("ann stages: %s", a)
		}
		same(t, "bob locks", n.Run(o.lock("bob", "B")).String(), "locked \n")
		same(t, "ann stages", n.RunOn(ann, o.stage(first)).String(), "held bob\nnode: stage: exit status 1\n")
		same(t, "ann leaves nothing", n.Exists(basePath+"/stage"), false)
		_ = ann.Close()
		time.Sleep(100 * time.Millisecond)
		same(t, "bob still has it", n.Read("/run/kplb.token"), "B\n")
		carol := n.Dial()
		same(t, "carol is told", n.RunOn(carol, o.lock("carol", "C")).String(), "held bob\nnode: lock: exit status 1\n")
	})
}

// TestProgramsLockOfTheDead: who has the lock was killed with all that belonged to
// it, and could not tidy up.
func TestProgramsLockOfTheDead(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := lockNode(t, shell)
		n := o.node
		n.Write("/run/kplb.holder", "", 0o600)
		n.Write("/run/kplb.owner", "ann\n", 0o600)
		n.Write("/run/kplb.token", "A\n", 0o600)
		same(t, "unlock says that it is free", n.Run(o.unlock()).String(), "free \ndone \n")
		n.Write("/run/kplb.holder", "", 0o600)
		n.Write("/run/kplb.owner", "ann\n", 0o600)
		n.Write("/run/kplb.token", "A\n", 0o600)
		same(t, "bob locks", n.Run(o.lock("bob", "B")).String(), "locked \n")
		same(t, "it is his", n.Read("/run/kplb.owner")+n.Read("/run/kplb.token"), "bob\nB\n")
	})
}

// TestProgramsLockSweeps: what an operator has staged and not begun goes with its
// connection; a change that is in place stays for its timer.
func TestProgramsLockSweeps(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := lockNode(t, shell)
		n := o.node
		before := stateOf(n)
		ann := n.Dial()
		n.RunOn(ann, o.lock("ann", token))
		if a := n.RunOn(ann, o.stage(first)); !a.Done() {
			t.Fatal(a)
		}
		_ = ann.Close()
		eventually(t, "the lock ends", func() bool { return !n.Exists("/run/kplb.token") })
		eventually(t, "what was staged goes", func() bool { return !n.Exists(basePath) })
		same(t, "the node", stateOf(n), before)

		bob := n.Dial()
		n.RunOn(bob, o.lock("bob", token))
		n.RunOn(bob, o.stage(first))
		if a := n.RunOn(bob, o.transact()); !a.Done() {
			t.Fatal(a)
		}
		_ = bob.Close()
		eventually(t, "the lock ends", func() bool { return !n.Exists("/run/kplb.token") })
		same(t, "what is armed stays", n.Exists(basePath+"/pending") && n.IsArmed("kplb-restore.timer"), true)
		same(t, "the timer takes it back", n.Elapse("kplb-restore.timer"), "an unconfirmed change was taken back (timer): ann@desk, cluster home\n")
		same(t, "the node", stateOf(n), before)
	})
}

// TestProgramsWait: one program at a time changes a node.
func TestProgramsWait(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := scenarios[0].before(t, shell, "activate")
		n := o.node
		held := make(chan programtest.Answer)
		other := n.Dial()
		go func() {
			held <- n.RunOn(other, remote.Script{Name: "other", Body: "exec 9>/run/kplb.lock\nflock 9\ntouch /node/held\nuntil [ -e /node/release ]; do /usr/bin/env sleep 0.02; done\nrecord done"})
		}()
		eventually(t, "another program has the turn", func() bool { return n.Exists("/node/held") })
		n.Impatient("0.05")
		for name, s := range map[string]remote.Script{
			"activate": o.activate(first), "precommit": o.precommit(), "confirm": o.confirm(), "back": o.back(), "manifest": o.manifest(first), "forget": o.script("forget", map[string]string{"KPLB_DIRS": ""}, nil),
		} {
			same(t, name, n.Run(s).Refused(), "another step of kplb does not end on this node")
		}
		n.Impatient("20")
		n.Write("/node/release", "", 0o600)
		if a := <-held; !a.Done() {
			t.Error(a)
		}
		same(t, "back", n.Run(o.back()).Done(), true)
	})
}
