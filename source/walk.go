package source

import (
	"fmt"
	"reflect"
	"strings"
)

// Walker binds nodes to the document types: every key must be known, stand once
// and have a value of the right shape.
type Walker struct {
	Problems  *Collector
	Positions Positions // of all that was bound, by path
	// Unknown reports a key at p that the mapping of type t at path does not have.
	Unknown func(w *Walker, p Place, path, key string, t reflect.Type)
	// SecretHint says how to do without a secret in the file.
	SecretHint string
}

// Binder is a type that binds itself, because it may be written in more than one form.
type Binder interface {
	Bind(w *Walker, n *Value, p Place)
	// MarkGiven notes that something stands at p, and that nothing is known of it.
	MarkGiven(p Place)
}

// unknown reports a key that is not known. Where nobody will see it, it saves the time.
func (w *Walker) unknown(p Place, path, key string, t reflect.Type) {
	if len(w.Problems.problems) > 10*MaxProblems {
		w.Add(p, "a key is not known here", "compare with examples/full.yaml")
		return
	}
	w.Unknown(w, p, path, key, t)
}

// Bind fills into from n. Of into's type only what document.go uses is known.
func (w *Walker) Bind(n *Value, p Place, tag reflect.StructTag, into reflect.Value) {
	p.Pos, p.Given = n.Pos, true
	p.Hidden = p.Hidden || tag.Get("secret") != ""
	w.Positions[p.Path] = n.Pos
	if n.Kind == Refused {
		w.markGiven(p, into)
		return
	}
	if n.Kind == Absent {
		w.Add(p, p.Path+" has no value", Otherwise(tag, "write one"))
		w.markGiven(p, into)
		return
	}
	switch v := into.Addr().Interface().(type) {
	case *Scalar:
		w.Scalar(n, p, v)
	case *Words:
		w.words(n, p, tag, v)
	case Binder:
		v.Bind(w, n, p)
	default:
		if into.Kind() == reflect.Slice {
			w.sequence(n, p, into)
		} else {
			w.Mapping(n, p, into)
		}
	}
}

// markGiven notes that something stands here, so that nobody calls it missing.
// It asks for nothing that is in it.
func (w *Walker) markGiven(p Place, into reflect.Value) {
	switch v := into.Addr().Interface().(type) {
	case *Scalar:
		v.Place = p
	case *Words:
		v.Place = p
	case Binder:
		v.MarkGiven(p)
	default:
		if into.Kind() == reflect.Slice {
			into.Set(reflect.MakeSlice(into.Type(), 0, 0))
		} else {
			into.FieldByName("At").Set(reflect.ValueOf(Section{Place: p}))
		}
	}
}

// Scalar binds a single value.
func (w *Walker) Scalar(n *Value, p Place, into *Scalar) {
	into.Place = p
	switch n.Kind {
	case Sequence, Mapping:
		w.Add(p, fmt.Sprintf("%s is %s", p.Path, n.Kind), "expected a single value")
	default:
		*into = Scalar{Place: p, OK: true, Kind: n.Kind, Text: n.Text, Quoted: n.Quoted}
	}
}

func (w *Walker) words(n *Value, p Place, tag reflect.StructTag, into *Words) {
	into.Place = p
	items := []*Value{n}
	if n.Kind == Sequence {
		into.List = true
		items = n.Items
	}
	if len(items) == 0 {
		w.Add(p, p.Path+" is an empty list", Otherwise(tag, "write a value"))
	}
	for i, item := range items {
		itemPlace := p
		if into.List {
			itemPlace.Path = fmt.Sprintf("%s[%d]", p.Path, i)
		}
		var s Scalar
		w.Bind(item, itemPlace, "", reflect.ValueOf(&s).Elem())
		into.Items = append(into.Items, s)
	}
}

func (w *Walker) sequence(n *Value, p Place, into reflect.Value) {
	into.Set(reflect.MakeSlice(into.Type(), len(n.Items), len(n.Items)))
	if n.Kind != Sequence {
		w.Add(p, fmt.Sprintf("%s is %s", p.Path, n.Kind), "expected a list: one item on each line, beginning with -")
		return
	}
	if len(n.Items) == 0 {
		w.Add(p, p.Path+" is an empty list", "write at least one item")
	}
	for i, item := range n.Items {
		itemPlace := p
		itemPlace.Path = fmt.Sprintf("%s[%d]", p.Path, i)
		w.Bind(item, itemPlace, "", into.Index(i))
	}
}

// Mapping binds a mapping to a document type, key by key.
func (w *Walker) Mapping(n *Value, p Place, into reflect.Value) {
	into.FieldByName("At").Set(reflect.ValueOf(Section{Place: p, OK: n.Kind == Mapping, Empty: len(n.Entries) == 0}))
	if n.Kind != Mapping {
		if p.Hidden {
			w.Add(p, p.Path+" holds a secret in the clear", w.SecretHint)
			return
		}
		w.Add(p, fmt.Sprintf("%s is %s", p.Path, n.Kind), "expected a mapping with some of: "+strings.Join(Keys(into.Type()), ", "))
		return
	}
	seen := map[string]Position{}
	for _, e := range n.Entries {
		here := p
		here.Pos, here.Path = e.Pos, Below(p.Path, e.Key)
		field, tag, known := fieldOf(into, e.Key)
		if first, twice := seen[e.Key]; twice {
			w.Twice(here, e.Key, first)
			continue
		}
		seen[e.Key] = e.Pos
		if !known {
			w.unknown(here, p.Path, e.Key, into.Type())
			continue
		}
		w.Bind(e.Value, here, tag, field)
	}
}

// Twice reports a key that was there before.
func (w *Walker) Twice(p Place, key string, first Position) {
	what := "duplicate key " + Quote(key)
	if p.Hidden {
		what = "duplicate key" // the key may be a misplaced secret
	}
	w.Add(p, fmt.Sprintf("%s, first on line %d", what, first.Line), "keep one of them")
}

// Add reports what is wrong at p, whose line is not shown if it may hold a secret.
func (w *Walker) Add(p Place, what, hint string) {
	if p.Hidden {
		w.Problems.AddSecret(p.Pos, what, hint)
	} else {
		w.Problems.Add(p.Pos, what, hint)
	}
}

// Otherwise adds to a hint that the key may go, if it may.
func Otherwise(tag reflect.StructTag, hint string) string {
	if tag.Get("required") != "" {
		return hint
	}
	return hint + ", or leave it out"
}
