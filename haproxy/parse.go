// Package haproxy reads haproxy.cfg, whoever wrote it, and the statistics of a
// running HAProxy.
//
// It knows HAProxy's syntax and nothing of an inventory. No input makes it fail:
// a file that HAProxy would reject is read as far as it makes sense, and
// `haproxy -c` is what rejects it. Words of a file or of an answer come out as
// they are; a caller that prints them cleans them.
package haproxy

import (
	"slices"
	"strings"
)

// ConfigPath is where HAProxy's unit has its configuration on a node.
const ConfigPath = "/etc/haproxy/haproxy.cfg"

// Config is the sections of a haproxy.cfg, in its order.
type Config []Section

// Section is a section of haproxy.cfg. What stands before the first one is in a
// section without words.
type Section struct {
	Words []string // of its first line: the keyword, and a name where it has one
	Lines []Line
}

// Line is a line of a section: its words, without quotes, and its number from 1.
type Line struct {
	Words  []string
	Number int
}

// keywords begin a section, wherever in a line they stand (configuration manual
// of HAProxy, 2.1).
var keywords = []string{
	"global", "defaults", "frontend", "backend", "listen", "peers", "userlist",
	"resolvers", "mailers", "cache", "program", "http-errors", "ring", "log-forward", "fcgi-app",
	"crt-store", "traces", "log-profile", "acme", "namespace_list",
}

// Parse reads haproxy.cfg. Variables and conditions (.if) are not followed.
func Parse(text []byte) Config {
	out := Config{{}}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		words := splitWords(line)
		last := len(out) - 1
		switch {
		case len(words) == 0:
		case slices.Contains(keywords, words[0]):
			out = append(out, Section{Words: words})
		default:
			out[last].Lines = append(out[last].Lines, Line{words, number})
		}
	}
	return out
}

// splitWords splits a line as HAProxy does (2.2): # begins a comment, quotes and
// backslashes keep what is special from being so.
func splitWords(line string) []string {
	var words []string
	var word strings.Builder
	in, escaped, quote := false, false, byte(0)
	end := func() {
		if in {
			words = append(words, word.String())
		}
		word.Reset()
		in = false
	}
	for i := range len(line) {
		switch b := line[i]; {
		case escaped:
			escaped = false
			word.WriteByte(b)
		case b == '\\' && quote != '\'':
			escaped, in = true, true
		case quote != 0 && b == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(b)
		case b == '"' || b == '\'':
			quote, in = b, true
		case b == '#':
			end()
			return words
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

// ID is the keyword and the name of a section: frontend kube-apiserver-in.
func (s Section) ID() string { return strings.Join(s.Words[:min(2, len(s.Words))], " ") }

// Is says whether the line begins with the words.
func (l Line) Is(words ...string) bool {
	return len(l.Words) >= len(words) && slices.Equal(l.Words[:len(words)], words)
}

// Lines lists the lines of all sections that begin with the words.
func (c Config) Lines(words ...string) []Line {
	var out []Line
	for _, s := range c {
		for _, l := range s.Lines {
			if l.Is(words...) {
				out = append(out, l)
			}
		}
	}
	return out
}
