package inventory

import (
	"fmt"
	"reflect"
)

// pairs takes every key there is; what it may be is said by whoever reads them.
func (w *walker) pairs(n *node, p place, into *pairs) {
	into.place = p
	if n.kind != mapping {
		w.add(p, fmt.Sprintf("%s is %s", p.path, n.kind), "expected a mapping, like {pool: edge}")
		return
	}
	if len(n.entries) == 0 {
		w.add(p, p.path+" is empty", "write at least one label, like {pool: edge}, or leave it out")
	}
	seen := map[string]Position{}
	for _, e := range n.entries {
		here := p
		here.at, here.path = e.at, join(p.path, e.key)
		if first, twice := seen[e.key]; twice {
			w.twice(here, e.key, first)
			continue
		}
		seen[e.key] = e.at
		item := pair{at: e.at, key: e.key}
		if e.value.kind == absent {
			here.at = e.value.at
			w.add(here, fmt.Sprintf("label %s has no value", quote(e.key)), `write one; "" is a value, too`)
			continue
		}
		if !isLabelKey(e.key) { // which may be anything, and messages repeat it
			here.path = join(p.path, quote(e.key))
		}
		w.bind(e.value, here, "", reflect.ValueOf(&item.value).Elem())
		into.items = append(into.items, item)
	}
}

// selector is a word, or a mapping that says more.
func (w *walker) selector(n *node, p place, into *selectorDocument) {
	if n.kind == mapping {
		w.mapping(n, p, reflect.ValueOf(into).Elem())
		return
	}
	w.scalar(n, p, &into.Word)
}
