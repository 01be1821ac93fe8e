// Package keepalived reads keepalived.conf, whoever wrote it: kplb's built-in
// template, a template of the user's own, or a person.
//
// It knows keepalived's syntax (keepalived.conf(5)) and nothing of an inventory.
// No input makes it fail: a file that keepalived would reject is read as far
// as it makes sense, and `keepalived -t` is what rejects it.
package keepalived

import "strings"

// ConfigPath is where keepalived looks for its configuration on a node.
const ConfigPath = "/etc/keepalived/keepalived.conf"

// CheckPath is the script of kplb's vrrp_script: it asks HAProxy's monitor
// and gives up after a second.
const CheckPath = "/etc/keepalived/kplb-check"

// Statement is a line of keepalived.conf, or a block of it.
type Statement struct {
	Words []string    // of the line; of a block those before its brace
	Line  int         // its number, from 1; 0: there is no such statement
	Inner []Statement // what stands between the braces
}

// Parse reads keepalived.conf as keepalived does: # and ! begin a comment,
// quotes keep words together, a statement ends with its line. Conditions (@),
// variables ($) and includes are not followed. Braces that do not match end the
// block that is open. The result is a statement without words that has all
// others inside.
func Parse(text []byte) Statement {
	root := Statement{}
	stack := []*Statement{&root}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		begun := false // a statement of this line
		for _, word := range splitWords(line) {
			top := stack[len(stack)-1]
			switch {
			case word == "{":
				if len(top.Inner) == 0 {
					top.Inner = append(top.Inner, Statement{Line: number})
				}
				stack, begun = append(stack, &top.Inner[len(top.Inner)-1]), false
			case word == "}":
				stack, begun = stack[:max(1, len(stack)-1)], false
			case begun:
				last := &top.Inner[len(top.Inner)-1]
				last.Words = append(last.Words, word)
			default:
				top.Inner = append(top.Inner, Statement{Words: []string{word}, Line: number})
				begun = true
			}
		}
	}
	return root
}

// splitWords splits a line. A quoted brace is part of a word.
func splitWords(line string) []string {
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
