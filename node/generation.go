package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/remote"
)

// Generation is one confirmed set of files on a node. Number 0 is what was
// there before kplb.
type Generation struct {
	Number  int
	Time    string // by the node's clock
	About   string // whose change it was
	Current bool
}

// Snapshot is the state that a generation keeps.
type Snapshot struct {
	Files  map[string]File // by absolute path
	Absent []string        // paths at which there was nothing
	Units  map[string]Unit // haproxy and keepalived: Active and File

	NonlocalBind  bool
	NonlocalBind6 bool // of IPv6
}

// Generations lists the generations that a node keeps, by number.
func Generations(ctx context.Context, h Host) ([]Generation, error) {
	list, _, err := generations(ctx, h, unnamed, "")
	return list, err
}

// ReadSnapshot reads the state of one generation. Its error is a RefusedError
// where the node does not have it. The key of the apiserver's certificate stays on
// the node.
func ReadSnapshot(ctx context.Context, h Host, l distribution.Layout, generation int) (*Snapshot, error) {
	_, s, err := generations(ctx, h, l, strconv.Itoa(generation))
	return s, err
}

func generations(ctx context.Context, h Host, l distribution.Layout, wanted string) ([]Generation, *Snapshot, error) {
	var list []Generation
	s := &Snapshot{Units: map[string]Unit{}}
	var current string
	var bad error
	err := run(ctx, h, layoutScript("generations", l, map[string]string{"KPLB_GENERATION": wanted}), func(r remote.Record) {
		switch {
		case r.Key == "generation" && len(r.Fields) == 3:
			if n, err := strconv.Atoi(r.Fields[0]); err == nil && n >= 0 {
				list = append(list, Generation{Number: n, Time: r.Fields[1], About: r.Fields[2]})
			}
		case r.Key == "current" && len(r.Fields) == 1:
			current = r.Fields[0]
		default:
			bad = errors.Join(bad, s.take(r))
		}
	})
	if bad != nil {
		err = errors.Join(err, fmt.Errorf("%s: %w", h.Name(), bad))
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
func (s *Snapshot) take(r remote.Record) error {
	switch {
	case r.Key == "nonlocal_bind" && len(r.Fields) == 1:
		s.NonlocalBind = r.Fields[0] == "1"
		return nil
	case r.Key == "nonlocal_bind6" && len(r.Fields) == 1:
		s.NonlocalBind6 = r.Fields[0] == "1"
		return nil
	case r.Key != "index" && r.Key != "units" && r.Key != "files":
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
				s.Absent = append(s.Absent, path)
			}
		}
	case "units":
		for line := range strings.Lines(string(data)) {
			if field := strings.Fields(line); len(field) == 3 {
				s.Units[field[0]] = Unit{Active: field[1], File: field[2]}
			}
		}
	case "files":
		s.Files, err = parseFiles(data)
	}
	return err
}

// Forget removes what kplb keeps on a node: generations, and what belongs to
// them. A node with a change that is not confirmed refuses. The token is that of the
// lock that the operator holds.
func Forget(ctx context.Context, h Host, token string) error {
	return run(ctx, h, script("forget", map[string]string{"KPLB_TOKEN": token, "KPLB_DIRS": strings.Join(madeDirs(), " ")}), nil)
}
