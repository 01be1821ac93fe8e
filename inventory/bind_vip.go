package inventory

import (
	"fmt"
	"reflect"

	"github.com/kplb/kplb/source"
)

// Bind binds one VIP or a list of them: an address is short for a mapping with
// nothing else in it.
func (into *vipsDocument) Bind(w *source.Walker, n *source.Value, p source.Place) {
	into.Place = p
	items := []*source.Value{n}
	if n.Kind == source.Sequence {
		items = n.Items
	}
	if len(items) == 0 {
		w.Add(p, p.Path+" is an empty list", "write at least one item")
	}
	for i, item := range items {
		itemPlace := p
		if n.Kind == source.Sequence {
			itemPlace.Path = fmt.Sprintf("%s[%d]", p.Path, i)
		}
		var d vipDocument
		if item.Kind == source.Mapping {
			w.Bind(item, itemPlace, "", reflect.ValueOf(&d).Elem())
		} else {
			w.Bind(item, itemPlace, "", reflect.ValueOf(&d.Address).Elem())
		}
		into.items = append(into.items, d)
	}
}

// MarkGiven notes that something stands at p.
func (into *vipsDocument) MarkGiven(p source.Place) { into.Place = p }
