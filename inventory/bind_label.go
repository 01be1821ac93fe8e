package inventory

import (
	"fmt"
	"reflect"

	"github.com/kplb/kplb/source"
)

// Bind takes every key there is; what it may be is said by whoever reads them.
func (into *pairs) Bind(w *source.Walker, n *source.Value, p source.Place) {
	into.Place = p
	if n.Kind != source.Mapping {
		w.Add(p, fmt.Sprintf("%s is %s", p.Path, n.Kind), "expected a mapping, like {pool: edge}")
		return
	}
	if len(n.Entries) == 0 {
		w.Add(p, p.Path+" is empty", "write at least one label, like {pool: edge}, or leave it out")
	}
	seen := map[string]source.Position{}
	for _, e := range n.Entries {
		here := p
		here.Pos, here.Path = e.Pos, source.Below(p.Path, e.Key)
		if first, twice := seen[e.Key]; twice {
			w.Twice(here, e.Key, first)
			continue
		}
		seen[e.Key] = e.Pos
		item := pair{at: e.Pos, key: e.Key}
		if e.Value.Kind == source.Absent {
			here.Pos = e.Value.Pos
			w.Add(here, fmt.Sprintf("label %s has no value", source.Quote(e.Key)), `write one; "" is a value, too`)
			continue
		}
		if !isLabelKey(e.Key) { // which may be anything, and messages repeat it
			here.Path = source.Below(p.Path, source.Quote(e.Key))
		}
		w.Bind(e.Value, here, "", reflect.ValueOf(&item.value).Elem())
		into.items = append(into.items, item)
	}
}

// Bind takes a word, or a mapping that says more.
func (into *selectorDocument) Bind(w *source.Walker, n *source.Value, p source.Place) {
	if n.Kind == source.Mapping {
		w.Mapping(n, p, reflect.ValueOf(into).Elem())
		return
	}
	w.Scalar(n, p, &into.Word)
}

// MarkGiven notes that something stands at p.
func (into *pairs) MarkGiven(p source.Place) { into.Place = p }

// MarkGiven notes that something stands at p.
func (into *selectorDocument) MarkGiven(p source.Place) { into.At = source.Section{Place: p} }
