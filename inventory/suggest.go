package inventory

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// authHint and sshHint say how to do without a secret in the file.
const (
	authHint = "name where it comes from: auth: {fromEnv: NAME}, {fromFile: path} or {fromCommand: [command, argument]}"
	sshHint  = "log in with a key: write ssh.identityFile, or use an agent"
)

// secretKey matches keys under which people write secrets.
var secretKey = regexp.MustCompile(`(?i)^(auth[_-]?(pass(word)?)?|pass(word|phrase|wd)?|secret|token|[a-z]+[_-]?(pass|password|secret|token))$`)

// later are keys that the design knows and this version does not.
var later = map[string][]string{
	"":        {"sysctl", "extra", "templates"},
	"vrrp":    {"multicast", "unicast", "preferredOrder"},
	"haproxy": {"stats"},
}

// unknown reports the key at p, which the mapping of type t at path does not have.
func (w *walker) unknown(p place, path, key string, t reflect.Type) {
	if len(w.problems.problems) > 10*mostProblems {
		w.add(p, "a key is not known here", "compare with examples/full.yaml") // will not be seen: save the time
		return
	}
	near := nearest(key, keysOf(t))
	switch {
	case p.hidden: // the key itself may be the secret
		w.add(p, path+" has an unknown key", authHint)
	case near == "" && secretKey.MatchString(key):
		p.hidden = true
		hint := "leave it out"
		switch {
		case strings.HasSuffix(path, "ssh"):
			hint = sshHint
		case path == "" || path == "vrrp":
			hint = strings.Replace(authHint, "auth: {", "vrrp: auth: {", 1)
		}
		w.add(p, fmt.Sprintf("key %s would hold a secret in the clear", quote(key)), hint)
	case slices.Contains(later[withoutIndex(path)], key):
		w.add(p, fmt.Sprintf("%s is not supported yet by this version", p.path), "leave it out")
	case near != "":
		w.add(p, fmt.Sprintf("key %s is not known here", quote(key)), fmt.Sprintf("did you mean %s?", near))
	default:
		if home := homeOf(key); home != "" {
			w.add(p, fmt.Sprintf("key %s is not known here", quote(key)), fmt.Sprintf("it belongs to %s", home))
			return
		}
		w.add(p, fmt.Sprintf("key %s is not known here", quote(key)), "write one of: "+strings.Join(keysOf(t), ", "))
	}
}

// withoutIndex is path without its list indices.
func withoutIndex(path string) string {
	return indices.ReplaceAllString(path, "")
}

var indices = regexp.MustCompile(`\[\d+\]`)

// homeOf finds the one mapping that has key, wherever it is in the format.
func homeOf(key string) string {
	var homes []string
	var look func(t reflect.Type, path string)
	look = func(t reflect.Type, path string) {
		for f := range t.Fields() {
			name := f.Tag.Get("key")
			if name == key && path != "" {
				homes = append(homes, path)
			}
			switch ft := f.Type; {
			case f.Anonymous:
				look(ft, path)
			case name != "" && ft.Kind() == reflect.Slice:
				look(ft.Elem(), join(path, name)+"[]")
			case name != "" && ft.Kind() == reflect.Struct:
				look(ft, join(path, name))
			}
		}
	}
	look(reflect.TypeFor[document](), "")
	if len(homes) == 0 {
		return ""
	}
	slices.SortStableFunc(homes, func(a, b string) int { return len(a) - len(b) })
	return homes[0]
}

// nearest is the allowed word that a person who wrote word probably meant, or "".
func nearest(word string, allowed []string) string {
	if len(word) > 40 {
		return ""
	}
	best, least := "", 3
	for _, a := range allowed {
		d := distance(folded(word), folded(a))
		if d < least && d*3 <= max(len(a), 3) {
			best, least = a, d
		}
	}
	return best
}

// folded takes away what other tools spell differently: virtual_router_id.
func folded(s string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(s))
}

// distance counts the single-letter insertions, deletions, replacements and
// swaps of neighbours that turn a into b.
func distance(a, b string) int {
	var beforeLast, last []int
	for j := range len(b) + 1 {
		last = append(last, j)
	}
	for i := range len(a) {
		row := make([]int, 1, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			d := min(row[j]+1, last[j+1]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, beforeLast[j-1]+1)
			}
			row = append(row, d)
		}
		beforeLast, last = last, row
	}
	return last[len(b)]
}
