package refusal

import (
	"errors"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/record"
)

// Records refuses nodes whose record of their cluster cannot be read: a later kplb has
// written it, or somebody has damaged it. Its error is an Error.
func Records(nodes []inventory.Node, facts map[string]*node.Facts) error {
	var out Error
	for _, n := range nodes {
		if f := facts[n.Name]; f != nil {
			out.Refusals = append(out.Refusals, onRecords(n, f)...)
		}
	}
	if len(out.Refusals) == 0 {
		return nil
	}
	return &out
}

func onRecords(n inventory.Node, f *node.Facts) []Refusal {
	var out []Refusal
	for _, err := range []error{f.Recorded.Err, f.PendingRecorded.Err} {
		if err == nil {
			continue
		}
		r := Refusal{Node: n.Name, What: err.Error(), Hint: "if the file was damaged, remove it from the node, then apply: it gets the others' record"}
		var newer *record.NewerError
		if errors.As(err, &newer) {
			r.Hint = newer.Hint()
		}
		out = append(out, r)
	}
	return out
}
