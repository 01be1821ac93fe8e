package rollout

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
)

// inspectAll inspects every node for a change. Where the change could go on without those
// that cannot be reached, its error says how.
func inspectAll(ctx context.Context, f *fleet.Fleet, what fleet.Inspection) (map[string]*node.Facts, error) {
	facts, err := f.Inspect(ctx, what)
	var failed fleet.NodeErrors
	if f.AllowUnreachable || !errors.As(err, &failed) || fleet.Spare(f, failed) != nil {
		return facts, err
	}
	without := strings.Join(slices.Sorted(maps.Keys(failed)), " and ")
	return facts, remote.WithHint(err, "--allow-unreachable goes on without "+without+", where nothing changes")
}
