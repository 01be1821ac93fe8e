package source

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Excerpt is what Error says, with the line of the file and a caret under each
// problem: for a terminal. data is what was given to Parse. Lines that may hold
// a secret are left out.
func (ps Problems) Excerpt(data []byte) string {
	lines := bytes.Split(data, []byte("\n"))
	hidden := ps.hiddenLines(lines)
	var b strings.Builder
	for i, p := range ps {
		b.WriteString(p.Error() + "\n")
		again := i > 0 && p.Line == ps[i-1].Line && p.Column == ps[i-1].Column
		if again || p.Line < 1 || p.Line > len(lines) || hidden(p.Line) {
			continue
		}
		b.WriteString(caret(string(lines[p.Line-1]), p.Column))
	}
	return b.String()
}

// secretWord is in every line that gives a secret, or a line before it is.
var secretWord = regexp.MustCompile(`(?i)auth|pass|secret|token|pwd`)

// hiddenLines tells which lines may hold a secret. Where the problems say that
// one is in the file, those are all from the first that mentions one: in a
// broken file nobody knows where it ends.
func (ps Problems) hiddenLines(lines [][]byte) func(line int) bool {
	first := len(lines) + 1
	for i, l := range lines {
		if secretWord.Match(l) {
			first = i + 1
			break
		}
	}
	found := false
	for _, p := range ps {
		found = found || p.secret && p.Line >= first
	}
	return func(line int) bool {
		return found && line >= first || secretWord.Match(lines[line-1])
	}
}

// caret is a window of the line around column, and a caret below that.
func caret(line string, column int) string {
	const before, after = 60, 40
	runes := []rune(strings.TrimSuffix(line, "\r"))
	at := min(max(column-1, 0), len(runes))
	from, to := max(at-before, 0), min(at+after, len(runes))
	shown := runes[from:to]
	pad := make([]rune, at-from)
	for i := range shown {
		if shown[i] != '\t' && !unicode.IsPrint(shown[i]) {
			shown[i] = utf8.RuneError // drives no terminal, and is one column wide
		}
		if i < len(pad) {
			pad[i] = ' '
			if shown[i] == '\t' {
				pad[i] = '\t'
			}
		}
	}
	return "    " + string(shown) + "\n    " + string(pad) + "^\n"
}
