package inventory

import (
	"fmt"
	"reflect"
	"strings"
)

// walker binds nodes to the document types: every key must be known, stand once
// and have a value of the right shape.
type walker struct {
	problems  *collector
	positions Positions
}

// bind fills into from n. Of into's type only what document.go uses is known.
func (w *walker) bind(n *node, p place, tag reflect.StructTag, into reflect.Value) {
	p.at, p.given = n.at, true
	p.hidden = p.hidden || tag.Get("secret") != ""
	w.positions[p.path] = n.at
	if n.kind == refused {
		w.markGiven(p, into)
		return
	}
	if n.kind == absent {
		w.add(p, p.path+" has no value", otherwise(tag, "write one"))
		w.markGiven(p, into)
		return
	}
	switch v := into.Addr().Interface().(type) {
	case *scalar:
		w.scalar(n, p, v)
	case *words:
		w.words(n, p, tag, v)
	case *vipsDocument:
		w.vips(n, p, v)
	case *pairs:
		w.pairs(n, p, v)
	case *selectorDocument:
		w.selector(n, p, v)
	default:
		if into.Kind() == reflect.Slice {
			w.sequence(n, p, into)
		} else {
			w.mapping(n, p, into)
		}
	}
}

// markGiven notes that something stands here, so that nobody calls it missing.
// It asks for nothing that is in it.
func (w *walker) markGiven(p place, into reflect.Value) {
	switch v := into.Addr().Interface().(type) {
	case *scalar:
		v.place = p
	case *words:
		v.place = p
	case *vipsDocument:
		v.place = p
	case *pairs:
		v.place = p
	default:
		if into.Kind() == reflect.Slice {
			into.Set(reflect.MakeSlice(into.Type(), 0, 0))
		} else {
			into.FieldByName("At").Set(reflect.ValueOf(section{place: p}))
		}
	}
}

func (w *walker) scalar(n *node, p place, into *scalar) {
	into.place = p
	switch n.kind {
	case sequence, mapping:
		w.add(p, fmt.Sprintf("%s is %s", p.path, n.kind), "expected a single value")
	default:
		*into = scalar{place: p, ok: true, kind: n.kind, text: n.text, quoted: n.quoted}
	}
}

func (w *walker) words(n *node, p place, tag reflect.StructTag, into *words) {
	into.place = p
	items := []*node{n}
	if n.kind == sequence {
		into.list = true
		items = n.items
	}
	if len(items) == 0 {
		w.add(p, p.path+" is an empty list", otherwise(tag, "write a value"))
	}
	for i, item := range items {
		itemPlace := p
		if into.list {
			itemPlace.path = fmt.Sprintf("%s[%d]", p.path, i)
		}
		var s scalar
		w.bind(item, itemPlace, "", reflect.ValueOf(&s).Elem())
		into.items = append(into.items, s)
	}
}

// vips binds one VIP or a list of them: an address is short for a mapping with
// nothing else in it.
func (w *walker) vips(n *node, p place, into *vipsDocument) {
	into.place = p
	items := []*node{n}
	if n.kind == sequence {
		items = n.items
	}
	if len(items) == 0 {
		w.add(p, p.path+" is an empty list", "write at least one item")
	}
	for i, item := range items {
		itemPlace := p
		if n.kind == sequence {
			itemPlace.path = fmt.Sprintf("%s[%d]", p.path, i)
		}
		var d vipDocument
		if item.kind == mapping {
			w.bind(item, itemPlace, "", reflect.ValueOf(&d).Elem())
		} else {
			w.bind(item, itemPlace, "", reflect.ValueOf(&d.Address).Elem())
		}
		into.items = append(into.items, d)
	}
}

func (w *walker) sequence(n *node, p place, into reflect.Value) {
	into.Set(reflect.MakeSlice(into.Type(), len(n.items), len(n.items)))
	if n.kind != sequence {
		w.add(p, fmt.Sprintf("%s is %s", p.path, n.kind), "expected a list: one item on each line, beginning with -")
		return
	}
	if len(n.items) == 0 {
		w.add(p, p.path+" is an empty list", "write at least one item")
	}
	for i, item := range n.items {
		itemPlace := p
		itemPlace.path = fmt.Sprintf("%s[%d]", p.path, i)
		w.bind(item, itemPlace, "", into.Index(i))
	}
}

func (w *walker) mapping(n *node, p place, into reflect.Value) {
	into.FieldByName("At").Set(reflect.ValueOf(section{place: p, ok: n.kind == mapping, empty: len(n.entries) == 0}))
	if n.kind != mapping {
		if p.hidden {
			w.add(p, p.path+" holds a secret in the clear", authHint)
			return
		}
		w.add(p, fmt.Sprintf("%s is %s", p.path, n.kind), "expected a mapping with some of: "+strings.Join(keysOf(into.Type()), ", "))
		return
	}
	seen := map[string]Position{}
	for _, e := range n.entries {
		here := p
		here.at, here.path = e.at, join(p.path, e.key)
		field, tag, known := fieldOf(into, e.key)
		if first, twice := seen[e.key]; twice {
			w.twice(here, e.key, first)
			continue
		}
		seen[e.key] = e.at
		if !known {
			w.unknown(here, p.path, e.key, into.Type())
			continue
		}
		w.bind(e.value, here, tag, field)
	}
}

func (w *walker) twice(p place, key string, first Position) {
	what := "duplicate key " + quote(key)
	if p.hidden {
		what = "duplicate key" // the key may be a misplaced secret
	}
	w.add(p, fmt.Sprintf("%s, first on line %d", what, first.Line), "keep one of them")
}

func (w *walker) add(p place, what, hint string) {
	if p.hidden {
		w.problems.addSecret(p.at, what, hint)
	} else {
		w.problems.add(p.at, what, hint)
	}
}

// otherwise adds to a hint that the key may go, if it may.
func otherwise(tag reflect.StructTag, hint string) string {
	if tag.Get("required") != "" {
		return hint
	}
	return hint + ", or leave it out"
}
