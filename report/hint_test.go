package report

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/remote"
)

// hinted is an error with a hint, several an error with more than one.
type (
	hinted  struct{ error }
	several struct{ error }
)

func (e *hinted) Hint() string { return "of " + e.Error() }

func (e *hinted) Unwrap() error { return e.error }

func (e *several) Hints() []string { return []string{"of " + e.Error(), "first", ""} }

// TestHints: every error of the tree is asked, however it is wrapped; each hint comes once,
// the outer before the inner.
func TestHints(t *testing.T) {
	t.Parallel()
	err := errors.Join(
		&remote.Error{Hint: "first"}, &hinted{fmt.Errorf("outer: %w", &remote.Error{Host: "a", Hint: "second", Err: errors.New("x")})},
		&remote.Error{Hint: "first"}, &remote.Error{}, errors.New("without"), &several{errors.New("many")},
	)
	want := []string{"first", "of outer: a: x", "second", "of many"}
	if d := cmp.Diff(want, Hints(err)); d != "" {
		t.Error(d)
	}
	if got := Hints(nil); got != nil {
		t.Errorf("of no error: %q", got)
	}
}
