package failure

import (
	"strings"
	"unicode/utf8"
)

// Clean makes text from a host fit for a terminal and a log: escape sequences, control characters other than newline
// and tab, bidirectional controls and invalid UTF-8 are removed or, for the last, replaced by U+FFFD. It never grows s by more than
// three times and is idempotent.
func Clean(s string) string {
	if isClean(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		if n := escapeLen(s); n > 0 {
			s = s[n:]
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		if !isControl(r) {
			b.WriteRune(r)
		}
		s = s[n:]
	}
	return b.String()
}

func isClean(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError || isControl(r) {
			return false
		}
	}
	return true
}

// isControl reports what must not reach a terminal: C0 but \n and \t, DEL, C1, and what changes reading direction
// or breaks lines invisibly.
func isControl(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < 0x20, r >= 0x7f && r <= 0x9f:
		return true
	case r == 0x061c, r == 0x200e, r == 0x200f, // marks
		r >= 0x202a && r <= 0x202e, // embeddings and overrides
		r >= 0x2066 && r <= 0x2069, // isolates
		r == 0x2028, r == 0x2029,   // line and paragraph separator
		r == 0xfeff,
		r >= 0xe0000 && r <= 0xe007f: // tags
		return true
	}
	return false
}

// escapeLen gives the length of the escape sequence that s starts with, or 0. An unfinished one ends with the string;
// a string sequence (OSC, DCS, …) ends at BEL, ST or the end of the line, so that no output can swallow the rest.
func escapeLen(s string) int {
	body := 0
	kind := byte(0)
	switch {
	case len(s) >= 2 && s[0] == 0x1b:
		kind, body = s[1], 2
	case s[0] == 0x1b:
		return 1
	case len(s) >= 2 && s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f: // C1 in UTF-8
		kind, body = s[1]-0x40, 2
	default:
		return 0
	}
	switch kind {
	case '[':
		return csiLen(s, body)
	case ']', 'P', 'X', '^', '_':
		return stringLen(s, body)
	}
	if s[0] != 0x1b {
		return body
	}
	if kind < 0x20 || kind > 0x7e {
		return 1
	}
	for body-1 < len(s) && s[body-1] >= 0x20 && s[body-1] <= 0x2f { // intermediates, then one final byte
		body++
	}
	return min(body, len(s))
}

func csiLen(s string, i int) int {
	for i < len(s) && s[i] >= 0x20 && s[i] <= 0x3f {
		i++
	}
	if i < len(s) && s[i] >= 0x40 && s[i] <= 0x7e {
		i++
	}
	return i
}

func stringLen(s string, i int) int {
	for ; i < len(s); i++ {
		switch {
		case s[i] == '\n':
			return i
		case s[i] == 0x07:
			return i + 1
		case s[i] == 0x1b:
			if i+1 < len(s) && s[i+1] == '\\' {
				return i + 2
			}
			return i
		case s[i] == 0xc2 && i+1 < len(s) && s[i+1] == 0x9c:
			return i + 2
		}
	}
	return i
}
