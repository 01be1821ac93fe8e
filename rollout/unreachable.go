package rollout

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/node"
)

// hintedError is an error with what to do about it.
type hintedError struct {
	error
	hint string
}

func (e *hintedError) Unwrap() error { return e.error }

// Hint says what to do about it.
func (e *hintedError) Hint() string { return e.hint }

// inspectAll inspects every node for a change. Where the change could go on without those
// that cannot be reached, its error says how.
func inspectAll(ctx context.Context, f *fleet.Fleet, what fleet.Inspection) (map[string]*node.Facts, error) {
	facts, err := f.Inspect(ctx, what)
	var failed fleet.NodeErrors
	if f.AllowUnreachable || !errors.As(err, &failed) || fleet.Spare(f, failed) != nil {
		return facts, err
	}
	without := strings.Join(slices.Sorted(maps.Keys(failed)), " and ")
	return facts, &hintedError{err, "--allow-unreachable goes on without " + without + ", where nothing changes"}
}
