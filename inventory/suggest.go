package inventory

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/kplb/kplb/source"
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
func unknown(w *source.Walker, p source.Place, path, key string, t reflect.Type) {
	near := source.Nearest(key, source.Keys(t))
	switch {
	case p.Hidden: // the key itself may be the secret
		w.Add(p, path+" has an unknown key", authHint)
	case near == "" && secretKey.MatchString(key):
		p.Hidden = true
		hint := "leave it out"
		switch {
		case strings.HasSuffix(path, "ssh"):
			hint = sshHint
		case path == "" || path == "vrrp":
			hint = strings.Replace(authHint, "auth: {", "vrrp: auth: {", 1)
		}
		w.Add(p, fmt.Sprintf("key %s would hold a secret in the clear", source.Quote(key)), hint)
	case slices.Contains(later[withoutIndex(path)], key):
		w.Add(p, fmt.Sprintf("%s is not supported yet by this version", p.Path), "leave it out")
	case near != "":
		w.Add(p, fmt.Sprintf("key %s is not known here", source.Quote(key)), fmt.Sprintf("did you mean %s?", near))
	default:
		if home := homeOf(key); home != "" {
			w.Add(p, fmt.Sprintf("key %s is not known here", source.Quote(key)), fmt.Sprintf("it belongs to %s", home))
			return
		}
		w.Add(p, fmt.Sprintf("key %s is not known here", source.Quote(key)), "write one of: "+strings.Join(source.Keys(t), ", "))
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
				look(ft.Elem(), source.Below(path, name)+"[]")
			case name != "" && ft.Kind() == reflect.Struct:
				look(ft, source.Below(path, name))
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
