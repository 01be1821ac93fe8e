package report

import "github.com/kplb/kplb/remote"

// Hints collects the hints that errors carry, each once.
func Hints(err error) []string {
	var out []string
	seen := map[string]bool{"": true}
	add := func(hint string) {
		if !seen[hint] {
			out, seen[hint] = append(out, hint), true
		}
	}
	var walk func(error)
	walk = func(err error) {
		switch e := err.(type) { //nolint:errorlint // every error of the tree is visited
		case *remote.Error:
			add(e.Hint)
		case interface{ Hint() string }:
			add(e.Hint())
		case interface{ Hints() []string }:
			for _, h := range e.Hints() {
				add(h)
			}
		}
		switch e := err.(type) { //nolint:errorlint // as above
		case interface{ Unwrap() error }:
			if inner := e.Unwrap(); inner != nil {
				walk(inner)
			}
		case interface{ Unwrap() []error }:
			for _, inner := range e.Unwrap() {
				walk(inner)
			}
		}
	}
	walk(err)
	return out
}
