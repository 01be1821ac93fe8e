package rollout

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// Change is one file that differs from what it should be.
type Change struct {
	render.Artifact      // what it should be, secrets filled in
	Remove          bool // it should not be there
	Owner           node.Owner
	Was             *node.File        // nil: absent
	Stamp           render.StampState // of what is there now
	Diff            string            // unified, secrets blanked

	hide func([]byte) []byte // what a diff must not show; nil: nothing
}

// compare finds out whether the node's file is the artifact, to the bit.
func compare(n inventory.Node, f *node.Facts, a render.Artifact, uid, gid int) (Change, bool) {
	change := Change{Artifact: a, Owner: node.Owner{UID: uid, GID: gid}}
	was, there := f.Files[a.Path]
	if there && was.Mode == a.Mode && was.UID == uid && was.GID == gid && bytes.Equal(was.Content, a.Content) {
		return change, false
	}
	if there {
		change.Was, change.Stamp = &was, render.Stamp(was.Content)
	}
	change.describe(n)
	return change, true
}

// describe writes the difference for people.
func (c *Change) describe(n inventory.Node) {
	var old, planned []byte
	if c.Was != nil {
		old = append([]byte{}, c.Was.Content...)
	}
	if !c.Remove {
		planned = append([]byte{}, c.Content...)
	}
	old, planned = c.hidden(old), c.hidden(planned)
	c.Diff = remote.Clean(string(render.Diff("on "+n.Name+c.Path, old, "planned"+c.Path, planned)))
	if c.Diff == "" && c.Was != nil {
		c.Diff = fmt.Sprintf("%s%s: mode %v, owner %d:%d; planned: mode %v, owner %s\n",
			n.Name, c.Path, c.Was.Mode, c.Was.UID, c.Was.GID, c.Mode, c.Owner)
	}
}

func (c *Change) hidden(text []byte) []byte {
	if c.hide == nil {
		return text
	}
	return c.hide(text)
}

// Files lists every file that changes, the manifest last.
func (n NodePlan) Files() []Change {
	if n.Manifest == nil {
		return n.Changes
	}
	return append(n.Changes[:len(n.Changes):len(n.Changes)], *n.Manifest)
}

// Sums are the sha256 of the file as it is and as it is planned, with secrets
// blanked: for a plan that is kept. Where there is no file, it is "absent".
func (c Change) Sums() (before, after string) {
	before, after = absent, absent
	if c.Was != nil {
		before = hash(c.hidden(render.Redact(c.Was.Content)))
	}
	if !c.Remove {
		after = hash(c.hidden(render.Redact(c.Content)))
	}
	return before, after
}

// before is the sum of what is there now.
func (c Change) before() node.Sum {
	if c.Was == nil {
		return ""
	}
	return node.SumOf(c.Was.Content)
}

const absent = "absent"

func hash(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
