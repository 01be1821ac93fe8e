package kubeadm

import "bytes"

// hiding is the way through a text line by line.
type hiding struct {
	lines [][]byte // that are still to come
	out   bytes.Buffer
}

// line writes the next line with its secrets hidden, and passes over the lines
// that a value goes on to.
func (h *hiding) line() {
	whole := bytes.TrimRight(h.lines[0], "\r\n")
	end := h.lines[0][len(whole):]
	h.lines = h.lines[1:]
	defer func() { h.out.Write(end) }()
	for done := 0; ; {
		found := secretKey.FindSubmatchIndex(whole[done:])
		if found == nil {
			h.out.Write(whole[done:])
			return
		}
		value := whole[done+found[1]:]
		h.out.Write(whole[done : done+found[1]])
		word := wordsFor(string(whole[done+found[2] : done+found[3]]))
		p := placeOf(whole[:done+found[2]])
		if len(value) == 0 {
			if h.skip(p, true) {
				h.out.WriteString(" " + word)
			}
			return
		}
		h.out.WriteString(word)
		rest, closed := afterValue(value, word)
		if closed && len(bytes.TrimLeft(rest, " \t,}]")) < len(bytes.TrimLeft(rest, " \t")) {
			done = len(whole) - len(rest)
			continue
		}
		switch {
		case bytes.Equal(value, []byte(word)): // nothing goes on
		case !closed && (value[0] == '"' || value[0] == '\''):
			h.skipQuoted(p, value[0])
		default:
			h.skip(p, false)
		}
		return
	}
}

// afterValue returns what follows a value that has an end on its line: one in
// quotes, and one that is hidden already.
func afterValue(value []byte, word string) (rest []byte, closed bool) {
	if rest, ok := bytes.CutPrefix(value, []byte(word)); ok {
		return rest, true
	}
	if value[0] != '"' && value[0] != '\'' {
		return nil, false
	}
	n := closing(value[1:], value[0])
	if n < 0 {
		return nil, false
	}
	return value[1+n:], true
}

// closing returns how much of a text there is until a quote is closed, that
// quote included, and -1 if it is not.
func closing(text []byte, quote byte) int {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote == '"':
			i++
		case text[i] == quote && quote == '\'' && i+1 < len(text) && text[i+1] == quote:
			i++
		case text[i] == quote:
			return i + 1
		}
	}
	return -1
}

// place is where a key stands: lines that are further to the right belong to
// its value.
type place struct {
	column  int
	comment bool
}

// placeOf tells it from what is before the key on its line.
func placeOf(before []byte) place {
	const structure = " \t#-?"
	before = bytes.TrimRight(before, `"'`)
	return place{
		column:  len(before) - len(bytes.TrimLeft(before, structure)),
		comment: bytes.HasPrefix(bytes.TrimLeft(before, " \t"), []byte("#")),
	}
}

// skip passes over the lines that belong to the value of a key, and says
// whether there are some. Where nothing follows the key on its line, the value
// may be a list, whose dashes stand below the key.
func (h *hiding) skip(p place, list bool) bool {
	n := 0
	for i, line := range h.lines {
		text := bytes.TrimLeft(line, " \t#")
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		column := len(line) - len(text)
		item := list && column == p.column && text[0] == '-'
		if column <= p.column && !item || p.comment && !isComment(line) {
			break
		}
		n = i + 1
	}
	h.lines = h.lines[n:]
	return n > 0
}

// skipQuoted passes over the lines until the one that closes a quote.
func (h *hiding) skipQuoted(p place, quote byte) {
	for len(h.lines) > 0 && (!p.comment || isComment(h.lines[0])) {
		line := h.lines[0]
		h.lines = h.lines[1:]
		if closing(line, quote) >= 0 {
			break
		}
	}
	h.skip(p, false)
}

func isComment(line []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(line, " \t"), []byte("#")) }
