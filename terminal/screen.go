package terminal

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Screen shows a text in place of the one before on a terminal, and below it
// elsewhere.
type Screen struct {
	w    io.Writer
	size func() (width, height int) // nil: no terminal
	used bool
}

// NewScreen is a screen on w.
func NewScreen(w io.Writer) *Screen { return &Screen{w: w, size: sizeOf(w)} }

// sizeOf gives the function that says how large the terminal is at the moment,
// nil where w is none that takes cursor movements.
func sizeOf(w io.Writer) func() (width, height int) {
	if !Is(w) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return func() (int, int) {
		width, height, err := term.GetSize(int(w.(*os.File).Fd())) //nolint:forcetypeassert // only files are terminals
		if err != nil || width <= 0 || height <= 0 {
			return 80, 24
		}
		return width, height
	}
}

// Show writes the text, which ends in a line break.
func (s *Screen) Show(text string) error {
	switch {
	case s.size != nil:
		width, height := s.size()
		text = frame(text, width, height)
		if !s.used {
			text = "\x1b[2J" + text
		}
	case s.used:
		text = "\n" + text
	}
	s.used = true
	_, err := io.WriteString(s.w, text)
	return err
}

// frame overwrites what is on a terminal, without blanking it in between. What
// does not fit is cut: a line that goes on in the next row, or scrolls, would
// end up in the wrong place.
func frame(text string, width, height int) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) >= height {
		lines = append(lines[:height-2], "…")
	}
	var b strings.Builder
	b.WriteString("\x1b[H")
	for _, line := range lines {
		b.WriteString(cut(line, width))
		b.WriteString("\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	return b.String()
}

// cut shortens a line to the columns that there are. Every character counts as
// one: nothing that we print is wider.
func cut(line string, width int) string {
	runes := []rune(line)
	if len(runes) <= width {
		return line
	}
	return string(runes[:max(width-1, 0)]) + "…"
}
