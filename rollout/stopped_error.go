package rollout

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kplb/kplb/node"
)

// StoppedError says that a rollout was stopped, and what state each node is in.
type StoppedError struct {
	Cause   error
	Back    []string         // nodes that were changed and are reverted
	Changed []string         // nodes that are changed and confirmed
	Pending map[string]error // nodes that could not be reached, and why: they revert by themselves
	Within  time.Duration    // how long that takes at most
}

func (e *StoppedError) Error() string { return e.Cause.Error() }

// Unwrap gives the cause.
func (e *StoppedError) Unwrap() error { return e.Cause }

// Unchanged says whether every node is in its old state.
func (e *StoppedError) Unchanged() bool { return len(e.Changed) == 0 && len(e.Pending) == 0 }

// Summary says what state the nodes are in, one line for each group of nodes.
func (e *StoppedError) Summary() []string {
	var out []string
	if len(e.Changed) > 0 {
		out = append(out, "changed and confirmed: "+strings.Join(e.Changed, ", "))
	}
	if len(e.Back) > 0 {
		out = append(out, "taken back, as before: "+strings.Join(e.Back, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(e.Pending)) {
		if errors.Is(e.Pending[name], node.ErrLost) {
			out = append(out, fmt.Sprintf("%s is changed: %v; apply again", name, node.ErrLost))
			continue
		}
		var unanswered *unansweredError
		if errors.As(e.Pending[name], &unanswered) {
			out = append(out, fmt.Sprintf("%s did not say whether it has confirmed (%v): if not, it takes the change back by itself within %s", name, unanswered, e.Within))
			continue
		}
		var locked *node.LockedError
		if errors.As(e.Pending[name], &locked) {
			out = append(out, fmt.Sprintf("%s could not be told (%v): unless that operator confirms the change, it is taken back within %s", name, locked, e.Within))
			continue
		}
		out = append(out, fmt.Sprintf("%s could not be told (%v): it takes the change back by itself within %s", name, e.Pending[name], e.Within))
	}
	if e.Unchanged() {
		out = append(out, "every node is as before")
	}
	return out
}
