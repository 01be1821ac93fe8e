package node

import (
	"context"
	"fmt"
	"strings"

	"github.com/kplb/kplb/remote"
)

// RefusedError says that a node refused what it was asked for, before it changed
// anything. Activate's may come later, see there. A LockedError is one, too.
type RefusedError struct{ Node, Reason string }

func (e *RefusedError) Error() string { return e.Node + ": " + e.Reason }

// run runs a program and hands its records on; each may be nil. What the node
// refused is a RefusedError, in the program's own words.
func run(ctx context.Context, h Host, s remote.Script, each func(remote.Record)) error {
	return read(ctx, h, s, func(r remote.Record) error {
		if each != nil {
			each(r)
		}
		return nil
	})
}

// read is run for an answer that may not have its form: an error of each ends it,
// and is returned as it is.
func read(ctx context.Context, h Host, s remote.Script, each func(remote.Record) error) error {
	var refused, broken string
	var held *LockedError
	touched := false
	err := h.Run(ctx, s, func(r remote.Record) error {
		said := strings.TrimSpace(strings.Join(r.Fields, " "))
		switch r.Key {
		case "refused":
			refused = said
		case "held":
			held = &LockedError{h.Name(), said}
		case "broken":
			broken = said
		case "touched":
			touched = true
		}
		return each(r)
	})
	switch {
	case broken != "":
		return fmt.Errorf("%s: %s", h.Name(), broken)
	case held != nil:
		return held
	case refused != "" && touched:
		return fmt.Errorf("%s: %s", h.Name(), refused)
	case refused != "":
		return &RefusedError{h.Name(), refused}
	}
	return err
}
