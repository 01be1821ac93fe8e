//go:build faults

package faults

import (
	"slices"
	"sync"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

func downFaults() []fault {
	return []fault{
		{id: "G3", name: "all apiservers stopped: the VIP refuses at once", count: 5, fast: 1, inject: noApiserver},
		{id: "G4", name: "the apiserver of the VIP's holder stopped", count: 5, fast: 1, inject: holderWithout},
	}
}

// answer is one question to the VIP: when, how long it took, and its error.
type answer struct {
	at, took time.Duration
	err      error
}

// askVIP asks again and again until done says so.
func (t *trial) askVIP(limit time.Duration, done func(all []answer) bool) []answer {
	var all []answer
	var asking sync.WaitGroup
	asking.Go(func() { // a goroutine of its own: it enters the operator's network for good
		a, err := newAsker(t.Lab, limit)
		if err != nil {
			t.problem("%v", err)
			return
		}
		for began := time.Now(); !done(all); time.Sleep(10 * time.Millisecond) {
			asked := time.Now()
			err := a.ask(vip, "/readyz")
			all = append(all, answer{asked.Sub(began), time.Since(asked), err})
		}
	})
	asking.Wait()
	return all
}

// apiservers stops the apiservers of nodes until the end of the trial.
func (t *trial) apiservers(nodes ...string) {
	t.watch.excuse(machines.Nodes...)
	for _, n := range nodes {
		t.harm(n, "systemctl stop kube-apiserver-standin")
		t.later(func() { t.on(n, "systemctl start kube-apiserver-standin") })
	}
}

// noApiserver: a kubelet that waits for the VIP does not start static pods,
// and so nothing ever comes back (kubernetes#99602). haproxy must refuse what
// it cannot pass on, at once when it has noticed.
func noApiserver(t *trial) {
	t.quick = true
	t.apiservers(machines.Nodes...)
	all := t.askVIP(5*time.Second, func(all []answer) bool { return len(all) > 0 && all[len(all)-1].at > 10*time.Second })
	var late []time.Duration
	for _, a := range all {
		if a.err == nil {
			t.problem("G3: somebody answers %.1f s after all apiservers have stopped", a.at.Seconds())
		}
		if a.at > 5*time.Second { // haproxy has noticed
			late = append(late, a.took)
		}
	}
	slices.Sort(late)
	middle, worst := late[len(late)/2], late[len(late)-1]
	t.notef("refused after %.1f ms, %.1f ms at worst", middle.Seconds()*1000, worst.Seconds()*1000)
	if middle > 10*time.Millisecond || worst > 250*time.Millisecond { // a busy machine has its moments
		t.problem("G3: the VIP refuses after %.1f ms, %.1f ms at worst", middle.Seconds()*1000, worst.Seconds()*1000)
	}
	t.backAgain()
}

// holderWithout: the other apiservers answer through the VIP soon, and go on
// doing so when the one is back.
func holderWithout(t *trial) {
	t.quick = true
	holders := t.Holders(vip)
	if len(holders) != 1 {
		t.problem("the VIP is on %v", holders)
		return
	}
	t.apiservers(holders...)
	all := t.askVIP(3*time.Second, func(all []answer) bool { return len(all) > 0 && all[len(all)-1].at > 8*time.Second })
	failed, last := 0, time.Duration(0)
	for _, a := range all {
		if a.err != nil {
			failed, last = failed+1, a.at+a.took
		}
	}
	t.notef("node %s: %d of %d failed, the last one after %.1f s; the VIP is on %v", holders[0], failed, len(all), last.Seconds(), t.Holders(vip))
	if last > 5*time.Second {
		t.problem("G4: %.1f s after the apiserver has stopped, a connection through the VIP fails", last.Seconds())
	}
	t.backAgain()
}

// backAgain starts them, and waits until the VIP answers.
func (t *trial) backAgain() {
	t.mend()
	well := func(all []answer) bool {
		return len(all) > 20 && !slices.ContainsFunc(all[len(all)-20:], func(a answer) bool { return a.err != nil })
	}
	all := t.askVIP(3*time.Second, func(all []answer) bool { return well(all) || len(all) > 0 && all[len(all)-1].at > 20*time.Second })
	if !well(all) {
		t.problem("the VIP does not answer 20 s after the apiservers are back")
	}
}
