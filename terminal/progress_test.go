package terminal

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/fleet"
)

// display shows what a person would see: it knows the few commands that are
// used.
type display struct {
	t      *testing.T
	mu     sync.Mutex
	lines  []string
	row    int
	writes int
}

func (v *display) Write(text []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.writes++ // even of nothing
	for rest := string(text); rest != ""; {
		var up, n int
		switch {
		case strings.HasPrefix(rest, "\n"):
			v.row++
			n = 1
		case strings.HasPrefix(rest, "\r"):
			n = 1
		case strings.HasPrefix(rest, "\x1b[J"):
			v.lines = v.lines[:v.row]
			n = 3
		case strings.HasPrefix(rest, "\x1b["):
			if _, err := fmt.Sscanf(rest, "\x1b[%dA", &up); err != nil || up > v.row {
				v.t.Fatalf("%q in row %d", rest, v.row)
			}
			v.row -= up
			n = strings.Index(rest, "A") + 1
		default:
			n = len(rest)
			if i := strings.IndexAny(rest, "\n\r\x1b"); i >= 0 {
				n = i
			}
			if len(v.lines) != v.row {
				v.t.Fatalf("%q overwrites row %d of %q", rest[:n], v.row, v.lines)
			}
			v.lines = append(v.lines, rest[:n])
		}
		rest = rest[n:]
	}
	return len(text), nil
}

// sees fails the test unless exactly this is to be seen.
func (v *display) sees(when string, want ...string) {
	v.t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if d := cmp.Diff(want, append([]string(nil), v.lines...)); d != "" {
		v.t.Errorf("%s (-want +got):\n%s", when, d)
	}
}

func (v *display) written() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.writes
}

func on(node, what string) fleet.Event { return fleet.Event{Node: node, Step: what} }

func over(e fleet.Event) fleet.Event {
	e.Over = true
	return e
}

func TestProgressOnATerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &display{t: t}
		p := &Progress{w: v, size: func() (int, int) { return 80, 24 }, end: make(chan struct{})}
		go p.tick()
		defer p.Stop()

		installs, waits := on("node-2", "installing files"), on("node-3", "waiting for the apiserver")
		installs.Usual, waits.Usual = time.Second, 49*time.Second
		p.Event(installs)
		p.Event(waits)
		v.sees("at the start", "kplb: node-2: installing files … 0 s of about 1 s", "kplb: node-3: waiting for the apiserver … 0 s of about 49 s")

		time.Sleep(2500 * time.Millisecond)
		synctest.Wait()
		v.sees("seconds later", "kplb: node-2: installing files … 2 s of about 1 s", "kplb: node-3: waiting for the apiserver … 2 s of about 49 s")

		p.Event(over(installs))
		v.sees("one is over", "kplb: node-2: installing files (2.5 s)", "kplb: node-3: waiting for the apiserver … 2 s of about 49 s")

		waits.Waits = "it listens on *:6443,\nand that is long"
		p.Event(waits)
		v.sees("it says why, cut to the terminal", "kplb: node-2: installing files (2.5 s)", "kplb: node-3: waiting for the apiserver … 2 s of about 49 s: it listens on *:64…")

		if _, err := fmt.Fprintln(p, "kplb: node-1: a word from elsewhere"); err != nil {
			t.Error(err)
		}
		p.Event(fleet.Event{Node: "node-2", Step: "changed", Done: true})
		stay := []string{"kplb: node-2: installing files (2.5 s)", "kplb: node-1: a word from elsewhere", "kplb: node-2: changed"}
		v.sees("what stays is above", append(stay[:3:3], "kplb: node-3: waiting for the apiserver … 2 s of about 49 s: it listens on *:64…")...)

		resume := p.Pause()
		v.sees("a person is asked", stay...)
		resume()
		p.Event(over(waits))
		p.Event(over(waits))
		v.sees("all is over", append(stay[:3:3], "kplb: node-3: waiting for the apiserver (2.5 s)")...)
		idle := v.written()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := v.written(); n != idle {
			t.Errorf("%d writes, and nothing is at work", n-idle)
		}
	})
}

// TestProgressOfBriefSteps shows them only while they last, and only if they do.
func TestProgressOfBriefSteps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &display{t: t}
		p := &Progress{w: v, size: func() (int, int) { return 80, 3 }, end: make(chan struct{})}
		go p.tick()
		connects := make([]fleet.Event, 5)
		for i := range connects {
			connects[i] = fleet.Event{Node: fmt.Sprintf("node-%d", i), Step: "connecting", Brief: true}
			p.Event(connects[i])
		}
		p.Event(over(connects[0]))
		v.sees("at the start")
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		v.sees("as many as there is room for", "kplb: node-1: connecting … 1 s", "kplb: node-2: connecting … 1 s")
		p.Event(over(connects[1]))
		v.sees("one is there", "kplb: node-2: connecting … 1 s", "kplb: node-3: connecting … 1 s")
		p.Stop()
		p.Stop()
		v.sees("the end")
	})
}

func TestProgressElsewhere(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	p := NewProgress(&b)
	waits := fleet.Event{Node: "node-3", Step: "waiting for the apiserver", Usual: 49 * time.Second}
	p.Event(fleet.Event{Node: "node-1", Step: "connecting", Brief: true})
	p.Event(waits)
	waits.Waits = "it listens on *:6443"
	p.Event(waits)
	p.Event(over(waits))
	p.Event(fleet.Event{Step: "proving", Usual: 4 * time.Second})
	p.Event(fleet.Event{Node: "node-3", Step: "changed", Done: true})
	p.Pause()()
	p.Stop()
	if d := cmp.Diff("kplb: node-3: waiting for the apiserver (usually 49s)\nkplb: cluster: proving\nkplb: node-3: changed\n", b.String()); d != "" {
		t.Error(d)
	}
}
