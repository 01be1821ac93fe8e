// Package refusal says why kplb does not start on a node: what its facts, and the
// inventory, have that a rollout would fail on.
//
// The package guarantees:
//
//   - It works on values. It reads no file, no clock and no machine.
//   - Every Refusal names its node, what is wrong there and what to do about it, and has a
//     position in the inventory where the cause may be there.
//   - Whoever gets an Error has changed nothing anywhere.
//
// What is refused because of a whole plan, such as nodes that are off, is plan's.
package refusal

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// Refusal is a reason not to start: the node, what is wrong there, and what to do
// about it.
type Refusal struct {
	Node  string
	What  string
	Hint  string
	Where string // a position in the inventory, if the cause may be there
}

func (r Refusal) String() string {
	s := r.Node + ": " + r.What
	if r.Where != "" {
		s = r.Where + ": " + s
	}
	return s
}

// Error says that nothing was changed anywhere, and why.
type Error struct{ Refusals []Refusal }

func (e *Error) Error() string {
	lines := make([]string, len(e.Refusals))
	for i, r := range e.Refusals {
		lines[i] = r.String()
	}
	return strings.Join(lines, "\n")
}

// Hints are the hints of the refusals, each once.
func (e *Error) Hints() []string {
	var out []string
	seen := map[string]bool{"": true}
	for _, r := range e.Refusals {
		if !seen[r.Hint] {
			out, seen[r.Hint] = append(out, r.Hint), true
		}
	}
	return out
}

// OnNode are the reasons for which a rollout would fail on the node.
func OnNode(c *inventory.Cluster, n inventory.Node, f *node.Facts) []Refusal {
	out := onRecords(n, f)
	refuse := refuseTo(c, n, &out)
	if n.Worker {
		refuseWorker(f, refuse)
		refuseBalancer(c, f, refuse)
		refuseUnread(c, n, f, refuse)
		refuseBesides(c, n, f, refuse)
		return out
	}
	at := fmt.Sprintf("nodes[%d]", slices.IndexFunc(c.Nodes, func(m inventory.Node) bool { return m.Name == n.Name }))
	refuseNetwork(c, n, f, at, refuse)
	refuseSoftware(c, f, refuse)
	refuseRedirect(c, f, refuse)
	refuseKernel(c, f, refuse)
	refuseIPv6(c, f, refuse)
	refuseFiles(f, refuse)
	refuseManifests(f, refuse)
	refuseListeners(c, n, f, refuse)
	refuseServices(c, n, f, refuse)
	refuseMetrics(c, n, f, refuse)
	refuseUnread(c, n, f, refuse)
	refuseBesides(c, n, f, refuse)
	refuseOtherKeepaliveds(c, f, refuse)
	return out
}

// refuseFunc adds a refusal. where is a key of the inventory, if the cause may be
// there; what is a format.
type refuseFunc func(where, hint, what string, args ...any)

// refuseTo adds the refusals of a node to a list.
func refuseTo(c *inventory.Cluster, n inventory.Node, list *[]Refusal) refuseFunc {
	return func(where, hint, what string, args ...any) {
		r := Refusal{Node: n.Name, What: fmt.Sprintf(what, args...), Hint: hint}
		if where != "" {
			r.Where = c.Positions.Of(where).String()
		}
		*list = append(*list, r)
	}
}

// Waiting refuses another change while one is awaiting confirmation: of others
// only if whoever made it is not at work any more. Its error is a Error.
func Waiting(nodes []inventory.Node, facts map[string]*node.Facts) error {
	var out []Refusal
	for _, n := range nodes {
		waiting, ok := facts[n.Name].Pending()
		switch by := facts[n.Name].LockedBy; {
		case ok && by != "":
			out = append(out, Refusal{Node: n.Name, What: "locked by " + by, Hint: node.LockedHint})
		case ok:
			out = append(out, Refusal{
				Node: n.Name, What: "a change is awaiting confirmation: " + waiting.About,
				Hint: "keep it with `kplb confirm`, take it back now with `kplb rollback`, or wait: the node takes it back by itself",
			})
		}
	}
	if len(out) == 0 {
		return nil
	}
	return &Error{out}
}

// Reasons are the reasons of an error without the node's name: one for each refusal of
// a Error, or the text of any other error.
func Reasons(err error) []string {
	var refused *Error
	if !errors.As(err, &refused) {
		return []string{err.Error()}
	}
	out := make([]string, len(refused.Refusals))
	for i, r := range refused.Refusals {
		out[i] = r.What
	}
	return out
}
