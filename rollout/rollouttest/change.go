package rollouttest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/remote"
)

// change is one that is staged, or in place and not confirmed.
type change struct {
	txn, about string
	before     state
	files      []staged
}

type staged struct {
	path    string
	file    File
	removed bool
}

// clock is the time of every node.
const clock = "2026-11-20T20:00:00Z"

func stage(n *Node, _ *Host, s remote.Script, say say) {
	if n.pending != nil {
		say("refused", "a change that is not confirmed yet is in place: "+n.pending.about)
		return
	}
	c := &change{txn: s.Vars["KPLB_TXN"], about: s.Vars["KPLB_ABOUT"], before: n.save()}
	for line := range strings.Lines(s.Vars["KPLB_FILES"]) {
		field := words(line) // name, mode, owner, before, after, path
		if len(field) != 6 {
			say("refused", "not a line of KPLB_FILES: "+line)
			return
		}
		mode, err := strconv.ParseInt(field[1], 8, 64)
		if err != nil {
			say("refused", err.Error())
			return
		}
		if n.sum(field[5]) != field[3] && field[3] != "any" {
			say("refused", field[5]+" has changed since the plan was made")
			return
		}
		c.files = append(c.files, staged{field[5], File{mode, s.Files[field[0]]}, field[4] == "absent"})
	}
	n.staged = c
	say("done")
}

// sum is the checksum of a file, or absent.
func (n *Node) sum(path string) string {
	f, there := n.Files[path]
	if !there {
		return "absent"
	}
	sum := sha256.Sum256(f.Content)
	return hex.EncodeToString(sum[:])
}

func transact(n *Node, _ *Host, s remote.Script, say say) {
	if n.token != s.Vars["KPLB_TOKEN"] {
		say("refused", "the lock belongs to another operator now: "+n.owner)
		return
	}
	if n.staged == nil || n.staged.txn != s.Vars["KPLB_TXN"] {
		say("refused", "what was staged is gone")
		return
	}
	n.pending, n.staged, n.restored = n.staged, nil, ""
	for _, f := range n.pending.files {
		if f.removed {
			delete(n.Files, f.path)
		} else {
			n.Files[f.path] = f.file
		}
	}
	say("done")
}

func replaceManifest(n *Node, _ *Host, s remote.Script, say say) {
	if n.sum(kubeadm.ManifestPath) != s.Vars["KPLB_BEFORE"] {
		say("refused", kubeadm.ManifestPath+" has changed since the plan was made")
		return
	}
	n.put(kubeadm.ManifestPath, 0o600, s.Files["manifest"])
	say("done")
}

func await(n *Node, _ *Host, s remote.Script, say say) {
	at := fmt.Sprintf("%s:%d", n.listens(), n.cluster.inventory.Port)
	if n.listens().IsUnspecified() {
		at = fmt.Sprintf("*:%d", n.cluster.inventory.Port)
	}
	if at != s.Vars["KPLB_LISTEN"] {
		say("elsewhere", at)
		return
	}
	say("done")
}

func activate(n *Node, _ *Host, s remote.Script, say say) {
	if n.pending == nil || n.pending.txn != s.Vars["KPLB_TXN"] {
		say("refused", "the change was taken back, because it was not confirmed in time")
		return
	}
	switch s.Vars["KPLB_SYSCTL"] {
	case "1":
		n.nonlocal = true
	case "0":
		n.nonlocal = false
	}
	for name, enabled := range map[string]bool{"KPLB_ENABLE": true, "KPLB_DISABLE": false} {
		for _, unit := range words(s.Vars[name]) {
			n.Units[strings.TrimSuffix(unit, ".service")].Enabled = enabled
		}
	}
	for name, action := range map[string]string{"haproxy": s.Vars["KPLB_HAPROXY"], "keepalived": s.Vars["KPLB_KEEPALIVED"]} {
		if action != "" {
			n.Units[name].Active = action != "stop"
		}
	}
	n.put("/var/lib/kplb/active", 0o600, s.Files["active"])
	say("done")
}

func confirmable(n *Node, _ *Host, s remote.Script, say say) {
	if n.pending == nil || n.pending.txn != s.Vars["KPLB_TXN"] {
		say("refused", "the change was taken back, because it was not confirmed in time")
		return
	}
	say("done")
}

func confirm(n *Node, _ *Host, s remote.Script, say say) {
	if n.pending == nil {
		say("refused", "nothing is waiting to be confirmed")
		return
	}
	if len(n.generations) == 0 {
		n.generations = append(n.generations, generation{state: n.pending.before})
	}
	number := n.current() + 1
	n.generations = append(n.generations, generation{n.save(), number, clock, n.pending.about, n.pending.txn})
	n.pending, n.restored = nil, ""
	if took := s.Vars["KPLB_RESTARTED"]; took != "" {
		n.put("/var/lib/kplb/restarted", 0o600, []byte(took+"\n"))
	}
	say("confirmed", strconv.Itoa(number))
	say("done")
}

func back(n *Node, _ *Host, s remote.Script, say say) {
	if n.pending == nil && s.Vars["KPLB_TXN"] == "" {
		say("refused", "nothing is waiting to be confirmed")
		return
	}
	if n.pending != nil {
		n.TakeBack(s.Vars["KPLB_REASON"])
	}
	n.staged = nil
	say("done")
}

// TakeBack takes an unconfirmed change back, as the node does by itself when its
// time is over.
func (n *Node) TakeBack(reason string) {
	n.restored = fmt.Sprintf("reason=%s\ntime=%s\nabout=%s\ntxn=%s\n", reason, clock, n.pending.about, n.pending.txn)
	n.restore(n.pending.before)
	n.pending = nil
}

func generations(n *Node, _ *Host, s remote.Script, say say) {
	for _, g := range n.generations {
		about := g.about
		if g.number == 0 {
			about = "as it was before kplb"
		}
		say("generation", strconv.Itoa(g.number), g.time, about)
	}
	say("current", strconv.Itoa(n.current()))
	number := s.Vars["KPLB_GENERATION"]
	if number == "" {
		return
	}
	i := slices.IndexFunc(n.generations, func(g generation) bool { return strconv.Itoa(g.number) == number })
	if i < 0 {
		say("refused", "there is no generation "+number)
		return
	}
	g := n.generations[i]
	var index, units strings.Builder
	paths := slices.Sorted(maps.Keys(g.files))
	for _, path := range paths {
		fmt.Fprintf(&index, "file %s\n", path)
	}
	for _, unit := range slices.Sorted(maps.Keys(g.units)) {
		fmt.Fprintf(&units, "%s %s %s\n", unit, g.units[unit].active(), g.units[unit].enabled())
	}
	say.data("index", []byte(index.String()))
	say.data("units", []byte(units.String()))
	say("nonlocal_bind", bit(g.nonlocal))
	say.data("files", pack(paths, func(path string) (File, bool) { return g.files[path], true }))
}

func forget(n *Node, _ *Host, _ remote.Script, say say) {
	for path := range n.Files {
		if strings.HasPrefix(path, "/var/lib/kplb/") {
			delete(n.Files, path)
		}
	}
	n.generations, n.staged, n.restored = nil, nil, ""
	say("done")
}
