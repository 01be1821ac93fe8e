package cmd

import (
	"fmt"
	"sync"
	"time"

	"github.com/kplb/kplb/rollout"
)

// progress shows what a rollout does: on a terminal one line that counts the
// seconds of the current step, elsewhere one plain line a step.
type progress struct {
	s    streams
	live bool

	mu      sync.Mutex
	current *rollout.Event
	since   time.Time
	end     chan struct{}
}

func (s streams) newProgress() *progress {
	p := &progress{s: s, live: isTerminal(s.err), end: make(chan struct{})}
	if p.live {
		go p.tick()
	}
	return p
}

func (p *progress) event(e rollout.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
	subject := e.Node
	if subject == "" {
		subject = "cluster"
	}
	if e.Done || !p.live {
		usual := ""
		if e.Usual > 5*time.Second {
			usual = fmt.Sprintf(" (usually %s)", e.Usual)
		}
		p.s.say("%s: %s%s", subject, e.Step, usual)
		return
	}
	e.Node = subject
	p.current, p.since = &e, time.Now()
	p.draw()
}

// finish leaves the line of the step that has ended.
func (p *progress) finish() {
	if p.current == nil {
		return
	}
	_, _ = fmt.Fprintf(p.s.err, "\r\x1b[Kkplb: %s: %s (%.1f s)\n", p.current.Node, p.current.Step, time.Since(p.since).Seconds())
	p.current = nil
}

func (p *progress) draw() {
	if p.current == nil {
		return
	}
	usual := ""
	if p.current.Usual > 0 {
		usual = fmt.Sprintf(" of about %.0f s", p.current.Usual.Seconds())
	}
	_, _ = fmt.Fprintf(p.s.err, "\r\x1b[Kkplb: %s: %s … %.0f s%s", p.current.Node, p.current.Step, time.Since(p.since).Seconds(), usual)
}

func (p *progress) tick() {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-p.end:
			return
		case <-t.C:
			p.mu.Lock()
			p.draw()
			p.mu.Unlock()
		}
	}
}

// stop ends the live line. It may be called again.
func (p *progress) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
	select {
	case <-p.end:
	default:
		close(p.end)
	}
}
