//go:build faults

package faults

import (
	"syscall"
	"time"
)

// patience is how long kplb may take to come to its end, whatever is wrong.
const patience = 2 * time.Minute

func operatorFaults() []fault {
	return []fault{
		// every node goes back by itself there, at once, and has five seconds for it
		{id: "A1a", name: "operator killed (-9), swept over the clock", count: 24, fast: 2, alone: true, inject: killByClock},
		{id: "A1b", name: "operator killed (-9) at each line that it says", count: 12, fast: 1, alone: true, inject: killByLine},
		{id: "A4a", name: "operator gets INT, TERM or HUP", count: 12, fast: 1, inject: politeSignal},
		{id: "A4b", name: "operator's stdout is closed", count: 3, fast: 1, inject: closedStdout},
	}
}

func killByClock(t *trial) {
	o := t.apply()
	time.Sleep(t.moment())
	o.signal(syscall.SIGKILL)
	o.wait(patience)
	t.notef("killed after %.2f s of %.2f s", t.moment().Seconds(), t.usual.Seconds())
	if o.code != -1 { // it was faster
		t.op = o
	}
}

func killByLine(t *trial) {
	o := t.apply()
	line := t.k%t.lines + 1
	o.until(func(lines []string) bool { return len(lines) >= line })
	time.Sleep(time.Duration(t.rng.IntN(60)) * time.Millisecond)
	o.signal(syscall.SIGKILL)
	o.wait(patience)
	if said := o.lines(); len(said) > 0 {
		t.notef("killed after %q", said[len(said)-1])
	}
	if o.code != -1 {
		t.op = o
	}
}

func politeSignal(t *trial) {
	signals := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}
	o := t.apply()
	time.Sleep(t.moment())
	o.signal(signals[t.k%3])
	o.wait(patience)
	t.op = o
	t.notef("%v after %.2f s, ended with %d %.1f s later", signals[t.k%3], t.moment().Seconds(), o.code, (o.ended.Sub(o.began) - t.moment()).Seconds())
	if o.code == -1 {
		t.problem("A4: kplb died of %v", signals[t.k%3])
	}
}

func closedStdout(t *trial) {
	o := t.apply()
	time.Sleep(t.moment() / 2)
	_ = o.out.Close()
	o.wait(patience)
	t.op = o
	t.notef("stdout closed, ended with %d", o.code)
	if o.code == -1 { // died of SIGPIPE: a kill like any other, the nodes take it back
		t.op = nil
	}
}
