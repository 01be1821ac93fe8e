package keepalived

import (
	"net/netip"
	"slices"
	"strings"
)

// Is says whether the statement begins with one of the words.
func (s Statement) Is(words ...string) bool {
	return len(s.Words) > 0 && slices.Contains(words, s.Words[0])
}

// Word is the word at index i, empty where there is none.
func (s Statement) Word(i int) string {
	if i < 0 || i >= len(s.Words) {
		return ""
	}
	return s.Words[i]
}

// After is the word that follows another one, as -40 follows in `weight -40`.
func (s Statement) After(word string) (value string, ok bool) {
	i := slices.Index(s.Words, word)
	if i < 0 || i+1 >= len(s.Words) {
		return "", false
	}
	return s.Words[i+1], true
}

// Find is the last statement inside that begins with one of the words, because
// keepalived lets the last one count. Its Line is 0 if there is none.
func (s Statement) Find(words ...string) Statement {
	for _, inner := range slices.Backward(s.Inner) {
		if inner.Is(words...) {
			return inner
		}
	}
	return Statement{}
}

// Named is the first statement inside that begins with one of the words and
// has the name after it, as `vrrp_script kplb_check` has. Its Line is 0 if there
// is none.
func (s Statement) Named(name string, words ...string) Statement {
	for _, inner := range s.Inner {
		if inner.Is(words...) && inner.Word(1) == name {
			return inner
		}
	}
	return Statement{}
}

// All lists the statements inside that begin with one of the words, in the
// order of the file.
func (s Statement) All(words ...string) []Statement {
	var out []Statement
	for _, inner := range s.Inner {
		if inner.Is(words...) {
			out = append(out, inner)
		}
	}
	return out
}

// Addresses lists the addresses in the blocks of that name inside, however they
// are written, with or without a prefix length, in the order of the file. What
// is no address is left out.
func (s Statement) Addresses(block string) []netip.Addr {
	var out []netip.Addr
	for _, b := range s.All(block) {
		for _, inner := range b.Inner {
			word, _, _ := strings.Cut(inner.Word(0), "/")
			if a, err := netip.ParseAddr(word); err == nil {
				out = append(out, a)
			}
		}
	}
	return out
}
