package drill

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// Sampling is a sampler at work.
type Sampling struct {
	Began time.Time

	sampler *Sampler
	end     context.CancelFunc
	workers sync.WaitGroup

	mu      sync.Mutex
	samples []Sample
	breaks  []Break
}

// Start samples until Stop is called, or ctx is done: a new connection every
// so often, whether the ones before are answered or not, and some that are
// held.
func (s *Sampler) Start(ctx context.Context) *Sampling {
	ctx, end := context.WithCancel(ctx)
	g := &Sampling{Began: time.Now(), sampler: s, end: end}
	g.workers.Go(func() { g.beginAll(ctx) })
	for range s.Held {
		g.workers.Go(func() { g.hold(ctx) })
	}
	return g
}

// Stop begins nothing more and waits for what is under way, for the
// sampler's limit at most. What was sampled is in the order in which it began.
func (g *Sampling) Stop() ([]Sample, []Break) {
	g.end()
	g.workers.Wait()
	slices.SortFunc(g.samples, func(a, b Sample) int { return cmp.Compare(a.At, b.At) })
	slices.SortFunc(g.breaks, func(a, b Break) int { return cmp.Compare(a.Noticed, b.Noticed) })
	return g.samples, g.breaks
}

// Since is the time that the samples count, in this moment.
func (g *Sampling) Since() time.Duration { return time.Since(g.Began) }

// Answered says whether clients are being answered: no connection failed that
// ended lately, and there were some: a quarter of what a machine with nothing
// else to do would have had.
func (g *Sampling) Answered(lately time.Duration) bool {
	after := g.Since() - lately
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, s := range slices.Backward(g.samples) { // in the order in which they ended
		if s.ended() < after {
			break
		}
		if s.Failure != "" {
			return false
		}
		n++
	}
	return time.Duration(4*n)*g.sampler.Every >= lately
}

func (g *Sampling) beginAll(ctx context.Context) {
	t := time.NewTicker(g.sampler.Every)
	defer t.Stop()
	for {
		g.workers.Go(func() { g.sample(context.WithoutCancel(ctx)) })
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// sample makes one new connection, and keeps what came of it.
func (g *Sampling) sample(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, g.sampler.Limit)
	defer cancel()
	at := g.Since()
	c, err := g.sampler.dial(ctx)
	if err == nil {
		err = c.ask(ctx, g.sampler.Address)
		c.close()
	}
	s := Sample{At: at, Took: g.Since() - at, Failure: failure(err)}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.samples = append(g.samples, s)
}
