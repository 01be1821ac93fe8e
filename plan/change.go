package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// Change is a file of a node that is created, replaced or removed.
type Change struct {
	render.Artifact      // the file as planned, with its secrets
	Remove          bool // the file is removed
	Owner           node.Owner
	Was             *node.File        // the file that is there now; nil: none
	Stamp           render.StampState // of Was
	Diff            string            // unified, without secrets

	hide func([]byte) []byte // removes what a diff must not show; nil: nothing is removed
}

// compare makes the change that turns the node's file into the artifact. It
// reports false where content, mode and owner are equal.
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

// describe sets Diff.
func (c *Change) describe(n inventory.Node) {
	var old, planned []byte
	if c.Was != nil {
		old = append([]byte{}, c.Was.Content...)
	}
	if !c.Remove {
		planned = append([]byte{}, c.Content...)
	}
	old, planned = c.hidden(old), c.hidden(planned)
	c.Diff = node.Clean(string(render.Diff("on "+n.Name+c.Path, old, "planned"+c.Path, planned)))
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

// Difference is how the file that is there now differs from the plan, as the end of a
// sentence about its path.
func (c Change) Difference() string {
	switch {
	case c.Remove:
		return "should not be there"
	case c.Was == nil:
		return "is missing"
	}
	return "differs"
}

// Sums are the SHA-256 of the file now and as planned, both without secrets, for a
// plan that is saved. It is "absent" where there is no file.
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

// Before is the sum of the file that is there now; empty: there is none.
func (c Change) Before() node.Sum {
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
