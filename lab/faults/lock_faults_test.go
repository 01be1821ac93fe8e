//go:build faults

package faults

import (
	"strings"
	"syscall"
	"time"
)

func lockFaults() []fault {
	return []fault{
		{id: "F1", name: "2 to 5 operators at once, 0 to 50 ms apart", count: 16, fast: 2, alone: true, inject: crowd},
		{id: "F2a", name: "lock holder killed (-9): the next one gets in", count: 6, fast: 1, inject: holderKilled},
		{id: "F2b", name: "lock holder frozen, and woken after another one's apply", count: 3, inject: holderFrozen},
		{id: "F2c", name: "the holder's link to one node is cut", count: 2, inject: holderCut},
	}
}

// crowd has several operators start at once: one wins, the others are told
// who within a moment.
func crowd(t *trial) {
	all := make([]*operator, 2+t.k%4)
	for i := range all {
		all[i] = t.apply()
		time.Sleep(time.Duration(t.rng.IntN(50)) * time.Millisecond)
	}
	won, latest := 0, time.Duration(0)
	for _, o := range all {
		o.wait(patience)
		took := o.ended.Sub(o.began)
		if o.code == 3 {
			latest = max(latest, took)
		}
		switch {
		case o.code == 0 && !strings.Contains(o.all(), "nothing to do:"):
			won++
			t.op = o
		case o.code == 0:
			t.problem("F1: an operator found nothing to do while another one was at work")
		case o.code != 3:
			t.problem("F1: an operator ended with %d", o.code)
		case !contains(o.all(), "locked by", "has changed since the plan was made"):
			t.problem("F1: the operator who lost is not told why")
		case took > 3*time.Second:
			t.problem("F1: the operator who lost was told after %.1f s", took.Seconds())
		}
	}
	if won != 1 {
		t.problem("F1: %d of %d operators have won", won, len(all))
	}
	t.notef("%d operators, told after %.2f s at the latest", len(all), latest.Seconds())
}

// holderKilled has the second one come while the first one works, and again
// after he was killed.
func holderKilled(t *trial) {
	first := t.apply()
	first.hears("installing files")
	time.Sleep(time.Duration(t.rng.IntN(int(t.usual.Milliseconds()*2/3))) * time.Millisecond)
	first.signal(syscall.SIGKILL)
	first.wait(patience)
	t.notef("killed after %.1f s", first.ended.Sub(first.began).Seconds())
	for began := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		second := t.apply()
		second.wait(patience)
		if !strings.Contains(second.all(), "locked by") {
			t.notef("the lock is free %.1f s later", time.Since(began).Seconds())
			return
		}
		if time.Since(began) > 3*time.Second {
			t.problem("F2: the lock is still held %.1f s after its holder was killed", time.Since(began).Seconds())
			return
		}
	}
}

func holderFrozen(t *trial) {
	first := t.apply()
	first.hears("changed")
	first.signal(syscall.SIGSTOP)
	t.later(func() { first.signal(syscall.SIGKILL) })
	frozen := time.Now()
	second := t.apply()
	if second.wait(patience); second.code != 3 || !contains(second.all(), "locked by") {
		t.problem("F2: the second operator ended with %d while the first one is frozen", second.code)
	}
	for {
		second = t.apply()
		if second.wait(patience); second.code == 0 {
			break
		}
		if time.Since(frozen) > 40*time.Second {
			t.problem("F2: nobody gets in %.0f s after the holder froze", time.Since(frozen).Seconds())
			break
		}
		time.Sleep(500 * time.Millisecond)
	}
	t.notef("the next one is done %.1f s after the holder froze", time.Since(frozen).Seconds())
	first.signal(syscall.SIGCONT)
	first.wait(patience)
	if first.code == 0 {
		t.problem("F2: the frozen one wakes up and ends with 0")
	}
	t.op = second
}

func holderCut(t *trial) {
	node := nodeNumber(t.k)
	first := t.apply()
	first.hears("changed")
	t.unplug(node)
	first.wait(patience)
	t.mend()
	cut := time.Now()
	for {
		second := t.apply()
		if second.wait(patience); second.code == 0 {
			t.op = second
			break
		}
		if time.Since(cut) > 45*time.Second {
			t.problem("F2: nobody gets in %.0f s after the link came back", time.Since(cut).Seconds())
			break
		}
		time.Sleep(500 * time.Millisecond)
	}
	t.notef("node %s, first ended with %d, the next one is done after %.1f s", node, first.code, time.Since(cut).Seconds())
}
