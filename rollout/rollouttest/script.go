package rollouttest

import (
	"context"
	"fmt"
	"slices"

	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/remote"
)

// program is what a node does with a script. What it refuses, it says.
type program func(n *Node, h *Host, s remote.Script, say say)

// programs are those that a cluster knows, by the name of the script.
var programs = map[string]program{
	"inspect": func(n *Node, _ *Host, s remote.Script, say say) { n.inspect(s, say) },
	"lock":    lock, "release": release, "unlock": unlock,
	"stage": stage, "transact": transact, "manifest": replaceManifest, "await": await, "activate": activate,
	"precommit": confirmable, "confirm": confirm, "level": level, "revert": back, "generations": generations, "forget": forget,
	"hello": done, "renew": done, "drain": done, "doctor": look,
	"drill watch": watch, "drill break": breakNode, "drill mend": mendNode, "drill seen": drillLog, "drill end": mendNode,
}

// quiet are the scripts that change nothing, or nothing that stays.
var quiet = []string{"inspect", "lock", "release", "generations", "hello", "renew", "drain", "doctor", "drill watch", "drill seen", "drill end"}

// Run runs a script of kplb's.
func (h *Host) Run(ctx context.Context, s remote.Script, each func(remote.Record) error) error {
	if err := ctx.Err(); err != nil {
		return &remote.Error{Host: h.node.name, Err: fmt.Errorf("interrupted: %w", err)}
	}
	var records []remote.Record
	err := h.run(s, func(key string, fields ...string) { records = append(records, remote.Record{Key: key, Fields: fields}) })
	for _, r := range records {
		if each == nil {
			continue
		}
		if refused := each(r); refused != nil {
			return refused
		}
	}
	return err
}

func (h *Host) run(s remote.Script, tell say) error {
	c := h.node.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.lost || h.node.Unreachable {
		return &remote.Error{Host: h.node.name, Err: fmt.Errorf("%w: %w", remote.ErrConnectionLost, errLost)}
	}
	if !slices.Contains(quiet, s.Name) {
		c.asked = append(c.asked, h.node.name+" "+s.Name)
	}
	do, known := programs[s.Name]
	if !known {
		return fmt.Errorf("rollouttest has no program %q", s.Name)
	}
	refused := false
	note := func(key string, fields ...string) {
		refused = refused || key == "refused" || key == "held"
		tell(key, fields...)
	}
	what, refuses := h.node.Refuses[s.Name]
	switch {
	case h.node.locks(s):
		note("held", h.node.owner)
	case refuses:
		note("refused", what)
	default:
		do(h.node, h, s, note)
	}
	if refused {
		return &remote.ScriptError{Host: h.node.name, Script: s.Name, Code: 1}
	}
	return nil
}

// open are the scripts that the lock of another operator does not stop.
var open = []string{"inspect", "lock", "release", "unlock", "await", "generations", "hello", "drain", "doctor", "drill seen"}

// locks says whether the lock of another operator stops a script.
func (n *Node) locks(s remote.Script) bool {
	return n.lockedBy != nil && nodetest.Token(s) != n.token && !slices.Contains(open, s.Name)
}

func done(_ *Node, _ *Host, _ remote.Script, say say) { say("done") }

// A lock belongs to a connection.
func lock(n *Node, h *Host, s remote.Script, say say) {
	if n.lockedBy != nil && n.lockedBy != h {
		say("held", n.owner)
		return
	}
	q := nodetest.As[node.LockRequest](s)
	n.lockedBy, n.owner, n.token = h, q.Owner, q.Token
	say("locked")
}

func release(n *Node, h *Host, _ remote.Script, say say) {
	if n.lockedBy == h {
		n.unlock()
	}
	say("done")
}

func unlock(n *Node, _ *Host, _ remote.Script, say say) {
	if n.lockedBy == nil {
		say("free")
	} else {
		say("taken", n.owner)
	}
	n.unlock()
	say("done")
}
