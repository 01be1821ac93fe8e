package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
)

// Generation is one confirmed set of files on a node. Number 0 is what was
// there before kplb.
type Generation struct {
	Node    string `json:"node"`
	Number  int    `json:"generation"`
	Time    string `json:"time,omitempty"` // by the node's clock
	About   string `json:"about"`
	Current bool   `json:"current"`
}

// saved is the state that a generation keeps.
type saved struct {
	files        map[string]File
	absent       []string
	units        map[string]Unit
	nonlocalBind bool

	nonlocalBind6 bool // of IPv6
}

// History lists the generations of all nodes, by node and number.
func (r *Rollout) History(ctx context.Context) ([]Generation, error) {
	nodes := r.everyone()
	lists := make([][]Generation, len(nodes))
	err := r.each(nodes, func(n inventory.Node) error {
		i := slices.IndexFunc(nodes, func(m inventory.Node) bool { return m.Name == n.Name })
		list, _, err := r.generations(ctx, n, "")
		lists[i] = list
		return err
	})
	return slices.Concat(lists...), err
}

// generations asks a node for its generations, and for the state of one.
func (r *Rollout) generations(ctx context.Context, n inventory.Node, number string) ([]Generation, *saved, error) {
	h, err := r.host(ctx, n)
	if err != nil {
		return nil, nil, err
	}
	var list []Generation
	s := &saved{units: map[string]Unit{}}
	var current string
	var bad error
	err = run(ctx, h, n.Name, node.Script("generations", map[string]string{"KPLB_GENERATION": number}),
		func(record remote.Record) {
			switch {
			case record.Key == "generation" && len(record.Fields) == 3:
				i, _ := strconv.Atoi(record.Fields[0])
				list = append(list, Generation{Node: n.Name, Number: i, Time: record.Fields[1], About: record.Fields[2]})
			case record.Key == "current" && len(record.Fields) == 1:
				current = record.Fields[0]
			default:
				bad = errors.Join(bad, s.take(record))
			}
		})
	if bad != nil {
		err = errors.Join(err, fmt.Errorf("%s: %w", n.Name, bad))
	}
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(list, func(a, b Generation) int { return a.Number - b.Number })
	for i := range list {
		list[i].Current = strconv.Itoa(list[i].Number) == current
	}
	return list, s, nil
}

// take adds one record of generations.sh.
func (s *saved) take(r remote.Record) error {
	if r.Key == "nonlocal_bind" && len(r.Fields) == 1 {
		s.nonlocalBind = r.Fields[0] == "1"
		return nil
	}
	if r.Key == "nonlocal_bind6" && len(r.Fields) == 1 {
		s.nonlocalBind6 = r.Fields[0] == "1"
		return nil
	}
	if r.Key != "index" && r.Key != "units" && r.Key != "files" {
		return nil
	}
	data, err := r.Data(0)
	if err != nil {
		return fmt.Errorf("generation: record %s: %w", r.Key, err)
	}
	switch r.Key {
	case "index":
		for line := range strings.Lines(string(data)) {
			if path, ok := strings.CutPrefix(strings.TrimSpace(line), "absent "); ok {
				s.absent = append(s.absent, path)
			}
		}
	case "units":
		for line := range strings.Lines(string(data)) {
			if field := strings.Fields(line); len(field) == 3 {
				s.units[field[0]] = Unit{Active: field[1], File: field[2]}
			}
		}
	case "files":
		s.files, err = parseFiles(data)
	}
	return err
}

// Forget removes what kplb keeps on the nodes: generations, and what belongs
// to them.
func (r *Rollout) Forget(ctx context.Context) error {
	return r.each(r.everyone(), func(n inventory.Node) error { return r.forget(ctx, n) })
}

func (r *Rollout) forget(ctx context.Context, n inventory.Node) error {
	h, err := r.host(ctx, n)
	if err != nil {
		return err
	}
	return run(ctx, h, n.Name, node.Script("forget", nil), nil)
}
