package drill

import (
	"context"
	"time"
)

const (
	// heartbeat is how often a held connection is asked: a client that asks
	// notices a dead connection, one that only listens would wait for TCP.
	heartbeat = 200 * time.Millisecond
	// redial is the pause before the next try where there is no connection.
	redial = 20 * time.Millisecond
)

// hold keeps a connection, and makes another one when it breaks.
func (g *Sampling) hold(ctx context.Context) {
	var last time.Duration
	var broken *Break
	for ctx.Err() == nil {
		c := g.connect(ctx)
		if c == nil {
			if !pause(ctx, redial) {
				break
			}
			continue
		}
		if broken != nil {
			broken.Back = g.Since()
			g.keep(broken)
			broken = nil
		}
		last = g.Since()
		if g.beat(ctx, c, &last) {
			broken = &Break{Last: last, Noticed: g.Since()}
		}
		c.close()
	}
	g.keep(broken)
}

// connect makes a connection that has answered once; nil if it does not.
func (g *Sampling) connect(ctx context.Context) *client {
	ctx, cancel := context.WithTimeout(ctx, g.sampler.Limit)
	defer cancel()
	c, err := g.sampler.dial(ctx)
	if err != nil {
		return nil
	}
	if err := c.ask(ctx, g.sampler.Address); err != nil {
		c.close()
		return nil
	}
	return c
}

// beat asks until there is no answer, and says whether the connection is
// broken: one whose server says goodbye is not.
func (g *Sampling) beat(ctx context.Context, c *client, last *time.Duration) bool {
	for {
		if !pause(ctx, heartbeat) || c.goodbye {
			return false
		}
		limited, cancel := context.WithTimeout(ctx, g.sampler.Limit)
		err := c.ask(limited, g.sampler.Address)
		cancel()
		if err != nil {
			return ctx.Err() == nil
		}
		*last = g.Since()
	}
}

func (g *Sampling) keep(b *Break) {
	if b == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.breaks = append(g.breaks, *b)
}

// pause says whether it came to its end.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
