package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kplb/kplb/refusal"
)

// Same wants the plan that is made now to be the saved one, to the bit. Its error is a
// refusal.Error that says what has changed since.
func (saved Plan) Same(now Plan) error {
	var stale refusal.Error
	refuse := func(node, what string) {
		stale.Refusals = append(stale.Refusals, refusal.Refusal{Node: node, What: "the plan is stale: " + what, Hint: "make a new one with `kplb diff -o FILE`, and look at it"})
	}
	byName := map[string]Node{}
	for _, n := range saved.Nodes {
		byName[n.Node] = n
	}
	for _, n := range now.Nodes {
		if what := difference(byName[n.Node], n); saved.LeavesOut(n.Node) {
			refuse(n.Node, "it leaves the node out, which can be reached now")
		} else if what != "" {
			refuse(n.Node, what)
		}
		delete(byName, n.Node)
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if now.LeavesOut(name) {
			refuse(name, "it does not leave the node out, which cannot be reached now")
		} else {
			refuse(name, "the node is no longer in the inventory")
		}
	}
	if !slices.Equal(saved.Objects, now.Objects) {
		refuse(now.Cluster, "the cluster's ConfigMaps have changed, or would be changed otherwise")
	}
	if len(stale.Refusals) > 0 {
		return &stale
	}
	return nil
}

// difference says what of a node is not as it was when the plan was saved.
func difference(was, now Node) string {
	find := func(n Node, path string) (File, bool) {
		i := slices.IndexFunc(n.Files, func(f File) bool { return f.Path == path })
		if i < 0 {
			return File{}, false
		}
		return n.Files[i], true
	}
	for _, f := range slices.Concat(now.Files, was.Files) {
		a, planned := find(was, f.Path)
		b, needed := find(now, f.Path)
		switch {
		case !planned:
			return f.Path + " has changed on the node, or in the inventory, since"
		case !needed:
			return f.Path + " is as planned already"
		case a.Before != b.Before:
			return f.Path + " has changed on the node since"
		case a.After != b.After:
			return "the inventory or a template would now make another " + f.Path
		}
	}
	if !slices.Equal(was.Consequences, now.Consequences) {
		return fmt.Sprintf("it would now do: %s", strings.Join(now.Consequences, "; "))
	}
	return ""
}
