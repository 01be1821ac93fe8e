//go:build failover

package failover

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kplb/kplb/drill"
	"github.com/kplb/kplb/lab/machines"
)

const (
	every = 10 * time.Millisecond  // a new connection
	calm  = 300 * time.Millisecond // that clients are watched before a fault
	sound = 500 * time.Millisecond // that they have to be answered for, when a fault is over
)

// run is one fault, once. Its figures are in milliseconds.
type run struct {
	*field `json:"-"`
	fault  *fault
	k      int
	victim string // the node that is broken
	holder string // before
	struck time.Time
	known  time.Time // HAProxy has noticed
	pids   []int     // that the fault was for
	held   []*watch
	clean  bool // it is mended

	Configuration string    `json:"configuration"`
	Fault         string    `json:"fault"`
	Began         time.Time `json:"began"`
	Commit        string    `json:"commit"`
	Load          string    `json:"load"` // the average of the last minute, before it

	Victim        string         `json:"victim"`
	Holder        string         `json:"holder"`
	Restless      bool           `json:"movedBefore,omitempty"` // the VIP, by itself, before the fault
	TookOver      string         `json:"tookOver,omitempty"`
	WithoutAnswer int64          `json:"withoutAnswer"`
	Calm          int64          `json:"before"`  // the same before the fault
	Stalled       int64          `json:"stalled"` // the longest time in which the clients began nothing
	Connections   int            `json:"connections"`
	Failed        int            `json:"failed"`
	Failures      map[string]int `json:"failures,omitempty"`
	FailedFrom    int64          `json:"failedFrom,omitempty"` // after the fault, when the first of them ended
	FailedTo      int64          `json:"failedTo,omitempty"`   // and the last
	Slowest       int64          `json:"slowest"`
	TwoHolders    int64          `json:"twoHolders"`
	TwoOpen       bool           `json:"twoHoldersToTheEnd,omitempty"` // until the fault was lifted
	Open          bool           `json:"failingToTheEnd,omitempty"`    // clients, likewise
	HeldClosed    *int64         `json:"heldClosed,omitempty"`         // the connection to the apiserver that broke
	HeldOpen      bool           `json:"heldOpen,omitempty"`           // it was still open after that time
	HeldLost      int            `json:"heldLost,omitempty"`           // connections to others that broke

	Known   int64     `json:"known,omitempty"`   // all apiservers down: until HAProxy knew
	Refused []float64 `json:"refused,omitempty"` // how long each connection took to be refused
	Hung    int       `json:"hung,omitempty"`    // those that were not, within a second
}

// try carries a fault out once.
func (f *field) try(fault *fault, k int) (*run, error) {
	if err := f.awaitWell(); err != nil {
		return nil, err
	}
	now, _ := f.holders.now()
	r := &run{
		field: f, fault: fault, k: k, holder: now[0], victim: now[0],
		Configuration: f.c.name, Fault: fault.name, Began: time.Now().UTC().Truncate(time.Second), Commit: commit(), Load: load(),
	}
	if fault.victim != nil {
		r.victim = fault.victim(r)
	}
	r.Victim, r.Holder = r.victim, r.holder
	defer func() {
		if !r.clean { // whatever happens: the next one is not to find it
			_ = fault.mend(r)
		}
		for _, w := range r.held {
			w.close()
		}
	}()
	if fault.prepare != nil {
		if err := fault.prepare(r); err != nil {
			return nil, err
		}
	}
	if fault.measure != nil {
		return r, fault.measure(r)
	}
	return r, r.sampled()
}

// sampled strikes while clients ask the VIP, and counts what they notice.
func (r *run) sampled() error {
	g := r.sampler(every).Start(noContext)
	stopped := false
	defer func() {
		if !stopped {
			g.Stop()
		}
	}()
	time.Sleep(calm)
	if now, _ := r.holders.now(); r.fault.victim == nil && len(now) == 1 && now[0] != r.holder {
		r.Restless, r.holder, r.victim, r.Holder, r.Victim = true, now[0], now[0], now[0], now[0]
	}
	r.struck = time.Now()
	if err := r.fault.strike(r); err != nil {
		return err
	}
	r.await(g, r.fault.lasts, r.fault.limit)
	if two, _ := r.holders.now(); len(two) > 1 {
		r.TwoOpen = true
	}
	lifted := g.Since()
	if r.fault.lifted { // the end of it is a part of what is measured
		if err := r.mended(); err != nil {
			return err
		}
		r.await(g, sound, 10*time.Second)
	}
	end := g.Since()
	for _, w := range r.held {
		r.heldEnd(w)
	}
	samples, _ := g.Stop()
	stopped = true
	r.Open = slices.ContainsFunc(samples, func(s drill.Sample) bool {
		over := s.At + s.Took
		return s.Failure != "" && over > lifted-sound && over <= lifted
	})
	r.count(g.Began, end, samples)
	return r.mended()
}

func (r *run) mended() error {
	if r.clean {
		return nil
	}
	r.clean = true
	return r.fault.mend(r)
}

// await waits until clients are answered again and the fault is over, for a
// time at least and another one at most.
func (r *run) await(g *drill.Sampling, least, most time.Duration) {
	from := time.Now()
	for ; time.Since(from) < most; time.Sleep(20 * time.Millisecond) {
		if time.Since(from) < least || !g.Answered(sound) {
			continue
		}
		if now, _ := r.holders.now(); len(now) == 1 && (r.clean || r.fault.over == nil || r.fault.over(r)) {
			return
		}
	}
}

// count makes figures of what was seen.
func (r *run) count(began time.Time, end time.Duration, samples []drill.Sample) {
	seen := drill.Run{
		Node: r.holder, Nodes: machines.Nodes, Every: every, Limit: time.Second,
		Struck: r.struck.Sub(began), End: end, Samples: samples, Spans: drill.Spans(r.holders.during(began), end),
		Doubt: time.Millisecond, // one clock
	}
	result := seen.Result()
	r.TookOver = result.TookOver
	r.WithoutAnswer, r.Calm, r.Slowest = result.WithoutAnswer, result.Calm, result.Slowest
	r.Connections, r.Failed, r.Failures = result.Connections, result.Failed, result.Failures
	for _, s := range samples {
		if after := (s.At + s.Took - seen.Struck).Milliseconds(); s.Failure != "" && after >= 0 {
			if r.FailedTo == 0 {
				r.FailedFrom = after
			}
			r.FailedFrom, r.FailedTo = min(r.FailedFrom, after), max(r.FailedTo, after)
		}
	}
	r.TwoHolders, r.Stalled = result.TwoHolders, result.Stalled
}

// heldEnd is how a held connection fared.
func (r *run) heldEnd(w *watch) {
	at, closed := w.ended()
	switch {
	case w.node != r.victim && closed:
		r.HeldLost++
	case w.node == r.victim:
		if !closed {
			at, r.HeldOpen = time.Now(), true
		}
		after := at.Sub(r.struck).Milliseconds()
		r.HeldClosed = &after
	}
}

func (r *run) String() string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if r.Refused != nil {
		all := slices.Sorted(slices.Values(r.Refused))
		say("known after %d ms, %d refused, p50 %.2f ms, max %.2f ms, %d hung", r.Known, len(all), share(all, 0.5), all[len(all)-1], r.Hung)
	} else {
		say("without an answer %d ms (before %d), %d of %d failed %v, slowest %d ms", r.WithoutAnswer, r.Calm, r.Failed, r.Connections, r.Failures, r.Slowest)
	}
	if r.Failed > 0 {
		say("failures from %d to %d ms", r.FailedFrom, r.FailedTo)
	}
	if r.Open {
		say("still failing when it was lifted")
	}
	if r.TookOver != "" {
		say("node %s took over", r.TookOver)
	}
	if r.TwoHolders > 0 {
		say("two holders %d ms (to the end: %t)", r.TwoHolders, r.TwoOpen)
	}
	if r.HeldClosed != nil {
		say("held closed after %d ms (open: %t), others lost %d", *r.HeldClosed, r.HeldOpen, r.HeldLost)
	}
	return fmt.Sprintf("%s %s %d: node %s of holder %s: %s", r.Configuration, r.Fault, r.k, r.victim, r.holder, strings.Join(out, "; "))
}

// load is the average of the last minute.
func load() string {
	text, _ := os.ReadFile("/proc/loadavg") // only told to people
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
