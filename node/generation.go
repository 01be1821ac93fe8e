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
	Txn     string // names the change: the same on all nodes
	Current bool
	Recorded
}

// Snapshot is the state that a generation keeps.
type Snapshot struct {
	Files  map[string]File // by absolute path
	Absent []string        // paths at which there was nothing
	Units  map[string]Unit // haproxy and keepalived: Active and File

	NonlocalBind  bool
	NonlocalBind6 bool // of IPv6

	// Own says of generation 0 that files of kplb's were there already: what kplb only
	// edits was edited by it.
	Own bool
}

// Generations lists the generations that a node keeps, by number, with their records.
func Generations(ctx context.Context, h Host) ([]Generation, error) {
	list, _, err := generations(ctx, h, generationsRequest{layout: unnamed, records: true})
	return list, err
}

// ReadSnapshot reads the state of one generation. Its error is a RefusedError
// where the node does not have it, or somebody has edited it since. The key of the
// apiserver's certificate stays on the node.
func ReadSnapshot(ctx context.Context, h Host, l distribution.Layout, generation int) (*Snapshot, error) {
	_, s, err := generations(ctx, h, generationsRequest{layout: l, snapshot: strconv.Itoa(generation)})
	return s, err
}

// generationsRequest asks for the records of all generations, or for the state of one.
type generationsRequest struct {
	layout   distribution.Layout
	records  bool
	snapshot string // its number; empty: none
}

func (q generationsRequest) script() remote.Script {
	return layoutScript("generations", q.layout, map[string]string{"KPLB_GENERATION": q.snapshot, "KPLB_RECORDS": flag(q.records)})
}

func generations(ctx context.Context, h Host, q generationsRequest) ([]Generation, *Snapshot, error) {
	var list []Generation
	s := &Snapshot{Units: map[string]Unit{}}
	var current string
	var bad error
	records := map[int]Recorded{}
	err := run(ctx, h, q.script(), func(r remote.Record) {
		switch {
		case r.Key == "generation" && len(r.Fields) == 4:
			if n, err := strconv.Atoi(r.Fields[0]); err == nil && n >= 0 {
				list = append(list, Generation{Number: n, Time: r.Fields[1], About: r.Fields[2], Txn: r.Fields[3]})
			}
		case r.Key == "current" && len(r.Fields) == 1:
			current = r.Fields[0]
		case r.Key == "record" && len(r.Fields) == 2:
			if n, err := strconv.Atoi(r.Fields[0]); err == nil && n >= 0 {
				content, err := r.Data(1)
				bad = errors.Join(bad, err)
				records[n] = parseRecorded(content, recordPath(n), n)
			}
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
		list[i].Current, list[i].Recorded = strconv.Itoa(list[i].Number) == current, records[list[i].Number]
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
	case r.Key == "own":
		s.Own = true
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
