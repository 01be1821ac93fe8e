package fleettest

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/remote"
)

// Say reports a record, as a script does.
type Say func(key string, fields ...string)

// All reports several.
func (s Say) All(records []remote.Record) {
	for _, r := range records {
		s(r.Key, r.Fields...)
	}
}

// Step is what a node does with a script.
type Step func(ctx context.Context, s remote.Script, say Say) error

// Default is what a node without trouble does with a program.
func (n *Node) Default(name string) Step {
	switch name {
	case "inspect":
		return func(_ context.Context, _ remote.Script, say Say) error {
			n.Machines.mu.Lock()
			seen := nodetest.Inspection(n.Facts)
			n.Machines.mu.Unlock()
			say.All(seen)
			return nil
		}
	case "lock":
		return func(_ context.Context, _ remote.Script, say Say) error { say("locked"); return nil }
	case "generations":
		return n.generations
	}
	return func(_ context.Context, _ remote.Script, say Say) error { say("done"); return nil }
}

func (n *Node) generations(_ context.Context, s remote.Script, say Say) error {
	q, one := nodetest.Request(s).(nodetest.SnapshotRequest)
	var list []node.Generation
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(n.Saved))) {
		number, err := strconv.Atoi(name)
		if err != nil {
			return err
		}
		list = append(list, node.Generation{Number: number, Time: "2026-11-20T20:00:00Z", About: "ann, cluster home", Current: name == n.Facts.Generation()})
	}
	say.All(nodetest.Generations(list))
	if !one {
		return nil
	}
	kept, ok := n.Saved[strconv.Itoa(q.Generation)]
	if !ok {
		say("refused", "there is no generation "+strconv.Itoa(q.Generation))
		return &remote.ScriptError{Host: n.ID, Script: s.Name, Code: 1}
	}
	say.All(nodetest.Snapshot(kept))
	return nil
}

// Save keeps the state that facts describe as a generation.
func (n *Node) Save(number string, f *node.Facts) *node.Snapshot {
	s := plantest.Snapshot(f)
	n.Saved[number] = s
	return s
}

// Refuses is a node that does not want to: a script that says so and ends.
func Refuses(what string) Step {
	return func(_ context.Context, s remote.Script, say Say) error {
		say("refused", what)
		return &remote.ScriptError{Host: "node", Script: s.Name, Code: 1}
	}
}

// Fails ends a script with an error and says nothing.
func Fails(err error) Step {
	return func(context.Context, remote.Script, Say) error { return err }
}
