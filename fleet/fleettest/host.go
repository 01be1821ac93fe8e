package fleettest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/remote"
)

// Host is a connection to a node.
type Host struct {
	*Node
	once sync.Once
	Gone bool // the connection is lost
}

// ErrLost is what a connection that was lost says.
var ErrLost = &remote.Error{Host: "node", Err: remote.ErrConnectionLost}

// Name is that of the node.
func (h *Host) Name() string { return h.ID }

// Close ends the connection.
func (h *Host) Close() error {
	h.once.Do(func() {
		h.Machines.mu.Lock()
		defer h.Machines.mu.Unlock()
		h.Machines.open--
	})
	return nil
}

// Run has the node do what On says, or what a node without trouble says.
func (h *Host) Run(ctx context.Context, s remote.Script, each func(remote.Record) error) error {
	name := s.Name
	what := h.ID + " " + name
	h.Machines.mu.Lock()
	h.Machines.given[what] = s
	gone := h.Gone
	if !slices.Contains(quietScripts, name) {
		h.Machines.asked = append(h.Machines.asked, what)
	}
	h.Machines.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return &remote.Error{Host: h.ID, Err: fmt.Errorf("interrupted: %w", err)}
	}
	if gone {
		return ErrLost
	}
	var failed error
	say := func(key string, fields ...string) {
		if each != nil && failed == nil {
			failed = each(nodetest.Record(key, fields...))
		}
	}
	do := h.On[name]
	if do == nil {
		do = h.Default(name)
	}
	return errors.Join(do(ctx, s, say), failed)
}

// Lose makes this connection useless, as a cable that was pulled does.
func (h *Host) Lose() {
	h.Machines.mu.Lock()
	defer h.Machines.mu.Unlock()
	h.Gone = true
}
