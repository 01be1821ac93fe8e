package terminal

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/kplb/kplb/fleet"
)

// Progress shows what a rollout does: on a terminal a live line for each step
// that is at work, with the seconds that it has taken, elsewhere one plain line
// a step. It is a writer, too: what others have to say goes above the live lines.
type Progress struct {
	w    io.Writer
	size func() (width, height int) // nil: no terminal

	mu    sync.Mutex
	steps []step
	drawn int  // lines on the terminal that are still to change
	still bool // no live lines for a while
	end   chan struct{}
}

// step is one that is at work.
type step struct {
	fleet.Event
	since time.Time
}

// NewProgress shows progress on w until Stop.
func NewProgress(w io.Writer) *Progress {
	p := &Progress{w: w, size: sizeOf(w), end: make(chan struct{})}
	if p.size != nil {
		go p.tick()
	}
	return p
}

// Event takes what a rollout reports.
func (p *Progress) Event(e fleet.Event) {
	if e.Node == "" {
		e.Node = "cluster"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.find(e)
	said := ""
	switch {
	case e.Done:
		said = fmt.Sprintf("kplb: %s: %s\n", e.Node, e.Step)
	case e.Over && at >= 0:
		said = p.over(p.steps[at])
		p.steps = append(p.steps[:at], p.steps[at+1:]...)
	case e.Over:
	case at >= 0:
		p.steps[at].Event = e
	default:
		p.steps = append(p.steps, step{e, time.Now()})
		said = p.begins(e)
	}
	p.redraw(said)
}

func (p *Progress) find(e fleet.Event) int {
	for i, s := range p.steps {
		if s.Node == e.Node && s.Step == e.Step {
			return i
		}
	}
	return -1
}

// begins is what is said of a new step where there is no terminal.
func (p *Progress) begins(e fleet.Event) string {
	if p.size != nil || e.Brief {
		return ""
	}
	usual := ""
	if e.Usual > 5*time.Second {
		usual = fmt.Sprintf(" (usually %s)", e.Usual)
	}
	return fmt.Sprintf("kplb: %s: %s%s\n", e.Node, e.Step, usual)
}

// over is what stays on a terminal of a step that has ended.
func (p *Progress) over(s step) string {
	if p.size == nil || s.Brief {
		return ""
	}
	return fmt.Sprintf("kplb: %s: %s (%.1f s)\n", s.Node, s.Step, time.Since(s.since).Seconds())
}

// live is the line of a step that is at work.
func (s step) live() string {
	usual, waits := "", ""
	if s.Usual > 0 {
		usual = fmt.Sprintf(" of about %.0f s", s.Usual.Seconds())
	}
	if s.Waits != "" {
		waits = ": " + strings.ReplaceAll(s.Waits, "\n", "; ")
	}
	return fmt.Sprintf("kplb: %s: %s … %.0f s%s%s", s.Node, s.Step, time.Since(s.since).Seconds(), usual, waits)
}

// brief is how long a brief step is not worth a line.
const brief = 500 * time.Millisecond

// redraw writes text that stays, and the live lines anew below it.
func (p *Progress) redraw(text string) {
	var b strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r\x1b[J", p.drawn)
	}
	b.WriteString(text)
	p.drawn = 0
	if p.size != nil && !p.still {
		width, height := p.size()
		for _, s := range p.steps {
			if s.Brief && time.Since(s.since) < brief || p.drawn >= height-1 {
				continue
			}
			b.WriteString(cut(s.live(), width) + "\n")
			p.drawn++
		}
	}
	if b.Len() == 0 {
		return
	}
	_, _ = io.WriteString(p.w, b.String()) // nothing can be done about a closed stderr
}

// Write puts whole lines above the live ones.
func (p *Progress) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.redraw(string(text))
	return len(text), nil
}

// Pause takes the live lines away until the returned function is called: a
// person is asked something.
func (p *Progress) Pause() (resume func()) {
	set := func(still bool) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.still = still
		p.redraw("")
	}
	set(true)
	return func() { set(false) }
}

func (p *Progress) tick() {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-p.end:
			return
		case <-t.C:
			p.mu.Lock()
			p.redraw("")
			p.mu.Unlock()
		}
	}
}

// Stop takes away what is left of the live lines. It may be called again.
func (p *Progress) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steps = nil
	p.redraw("")
	select {
	case <-p.end:
	default:
		close(p.end)
	}
}
