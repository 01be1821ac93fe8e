package source

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// MaxSize is the size, in bytes, of the biggest file that is read: a thousand times what
// 15 nodes need.
const MaxSize = 1 << 20

// CheckText looks at the bytes before anything gives them a meaning. After it,
// a line of the file is a line in every editor, and printing one of its lines
// does no harm.
func CheckText(file string, data []byte, problems *Collector) bool {
	at := Position{File: file, Line: 1, Column: 1}
	switch {
	case len(data) > MaxSize:
		problems.Add(at, fmt.Sprintf("the file has %d bytes, more than 1 MiB", len(data)), "give an inventory, not some other file")
		return false
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}), bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		problems.Add(at, "the file is UTF-16", "save it as UTF-8")
		return false
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		problems.Add(at, "the file begins with a byte order mark", "save it as UTF-8 without one")
		return false
	}

	before := len(problems.problems)
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == '\n':
			at.Line, at.Column = at.Line+1, 0
		case r == '\r' && bytes.HasPrefix(data, []byte("\r\n")):
		case r == '\r':
			problems.AddSecret(at, "a carriage return stands without a line feed", "end lines as Unix or Windows does")
		case r == utf8.RuneError && size == 1:
			problems.AddSecret(at, fmt.Sprintf("byte 0x%02x is not UTF-8", data[0]), "save the file as UTF-8")
		case invisible(r):
			problems.AddSecret(at, fmt.Sprintf("control character U+%04X stands here", r), "delete it")
		}
		at.Column++
		data = data[size:]
	}
	return len(problems.problems) == before
}

// invisible is true for characters that end a line for some readers only, that
// drive a terminal, or that show a text in another order than it has.
func invisible(r rune) bool {
	switch {
	case r == '\t':
		return false
	case r < ' ', r >= 0x7f && r <= 0x9f: // C0 and C1; U+0085 ends a line in YAML 1.1
		return true
	case r == 0x2028, r == 0x2029: // end a line in YAML 1.1
		return true
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // bidirectional overrides
		return true
	}
	return r == 0xfeff
}
