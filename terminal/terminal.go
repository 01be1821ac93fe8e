// Package terminal is what only a person at a terminal sees: live progress, a screen that
// is written anew, and questions.
//
// The package guarantees:
//
//   - What is no terminal gets whole plain lines, and no escape sequence.
//   - While a person is asked, no live line is written over the question.
//   - An answer to a question for a secret is not shown.
package terminal

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Is says whether a person sees what is written to w, or types what
// is read from it.
func Is(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Colored says whether w takes colours, see https://no-color.org. color is always, never, or
// anything else for automatic.
func Colored(w io.Writer, color string) bool {
	switch color {
	case "always":
		return true
	case "never":
		return false
	}
	return Is(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
