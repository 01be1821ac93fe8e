package render

import (
	"slices"
	"strings"
)

// statement is a line of keepalived.conf, or a block of it: the words, and
// what stands between its braces.
type statement struct {
	words []string
	line  int // counts from 1
	inner []statement
}

// parseKeepalived reads keepalived.conf as keepalived does: # and ! begin a
// comment, quotes keep words together, a statement ends with its line. Its
// conditions (@), variables ($) and includes are not followed. Braces that do
// not match end the block that is open: `keepalived -t` is who refuses them.
func parseKeepalived(text []byte) []statement {
	root := &statement{}
	stack := []*statement{root}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		begun := false // a statement of this line
		for _, word := range keepalivedWords(line) {
			top := stack[len(stack)-1]
			switch {
			case word == "{":
				if len(top.inner) == 0 {
					top.inner = append(top.inner, statement{line: number})
				}
				stack, begun = append(stack, &top.inner[len(top.inner)-1]), false
			case word == "}":
				stack, begun = stack[:max(1, len(stack)-1)], false
			case begun:
				last := &top.inner[len(top.inner)-1]
				last.words = append(last.words, word)
			default:
				top.inner = append(top.inner, statement{words: []string{word}, line: number})
				begun = true
			}
		}
	}
	return root.inner
}

// keepalivedWords splits a line. A quoted brace is no brace.
func keepalivedWords(line string) []string {
	var words []string
	var word strings.Builder
	in, quote := false, byte(0)
	end := func() {
		if in {
			words = append(words, word.String())
		}
		word.Reset()
		in = false
	}
	for i := range len(line) {
		switch b := line[i]; {
		case quote != 0 && b == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(b)
		case b == '"' || b == '\'':
			quote, in = b, true
		case b == '#' || b == '!':
			end()
			return words
		case b == '{' || b == '}':
			end()
			words = append(words, string(b))
		case strings.IndexByte(" \t\r\n", b) >= 0:
			end()
		default:
			in = true
			word.WriteByte(b)
		}
	}
	end()
	return words
}

// is says whether the statement begins with one of the words.
func (s statement) is(words ...string) bool {
	return len(s.words) > 0 && slices.Contains(words, s.words[0])
}

// word is the word at place i, empty where there is none.
func (s statement) word(i int) string {
	if i < 0 || i >= len(s.words) {
		return ""
	}
	return s.words[i]
}

// find is the last statement inside that begins with one of the words, as the
// last one counts; a zero one if there is none.
func (s statement) find(words ...string) statement {
	for _, inner := range slices.Backward(s.inner) {
		if inner.is(words...) {
			return inner
		}
	}
	return statement{}
}

// after is the word that follows another one: weight -40.
func (s statement) after(word string) (value string, ok bool) {
	i := slices.Index(s.words, word)
	if i < 0 || i+1 >= len(s.words) {
		return "", false
	}
	return s.words[i+1], true
}
