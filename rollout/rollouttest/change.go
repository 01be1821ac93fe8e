package rollouttest

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/record"
	"github.com/kplb/kplb/remote"
)

// change is one that is staged, or in place and not confirmed.
type change struct {
	txn, about string
	number     int    // of the cluster's generation
	record     []byte // of the cluster
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
	q := nodetest.As[node.StageRequest](s)
	if !isNext(n, q.Number, say) {
		return
	}
	c := &change{txn: q.Txn, about: q.About, number: q.Number, record: q.Record, before: n.save()}
	for _, f := range q.Files {
		if n.sum(f.Path) != f.Before {
			say("refused", f.Path+" has changed since the plan was made")
			return
		}
		c.files = append(c.files, staged{f.Path, File{f.Mode, f.Content}, f.Remove})
	}
	n.staged = c
	say("done")
}

// sum is that of a file; empty: there is none.
func (n *Node) sum(path string) node.Sum {
	f, there := n.Files[path]
	if !there {
		return ""
	}
	return node.SumOf(f.Content)
}

func transact(n *Node, _ *Host, s remote.Script, say say) {
	q := nodetest.As[node.TransactRequest](s)
	if n.token == "" {
		say("refused", "the lock was removed meanwhile")
		return
	}
	if n.token != q.Token {
		say("refused", "the lock belongs to another operator now: "+n.owner)
		return
	}
	if n.staged == nil || n.staged.txn != q.Txn {
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
	q := nodetest.As[node.ManifestRequest](s)
	if n.sum(kubeadm.ManifestPath) != q.Before {
		say("refused", kubeadm.ManifestPath+" has changed since the plan was made")
		return
	}
	n.put(kubeadm.ManifestPath, 0o600, q.Content)
	say("done")
}

func await(n *Node, _ *Host, s remote.Script, say say) {
	at := netip.AddrPortFrom(n.listens(), n.cluster.inventory.Port)
	if at != nodetest.As[node.AwaitRequest](s).Listen {
		say("elsewhere", strings.Replace(at.String(), "[::]", "*", 1))
		return
	}
	say("done")
}

func activate(n *Node, _ *Host, s remote.Script, say say) {
	q := nodetest.As[node.ActivateRequest](s)
	if n.pending == nil || n.pending.txn != q.Txn {
		say("refused", "the change was taken back, because it was not confirmed in time")
		return
	}
	switch q.Sysctl {
	case node.SysctlLeave:
	case node.SysctlOn:
		n.nonlocal = true
	case node.SysctlOff:
		n.nonlocal = false
	}
	for _, unit := range q.Enable {
		n.Units[strings.TrimSuffix(unit, ".service")].Enabled = true
	}
	for _, unit := range q.Disable {
		n.Units[strings.TrimSuffix(unit, ".service")].Enabled = false
	}
	for name, action := range map[string]node.Action{"haproxy": q.HAProxy, "keepalived": q.Keepalived} {
		if action != node.Leave {
			n.Units[name].Active = action != node.Stop
		}
	}
	n.put(node.ActivePath, 0o600, q.Active)
	say("done")
}

func confirmable(n *Node, _ *Host, s remote.Script, say say) {
	if n.pending == nil || n.pending.txn != nodetest.As[node.PrecommitRequest](s).Txn {
		say("refused", "the change was taken back, because it was not confirmed in time")
		return
	}
	say("done")
}

func confirm(n *Node, _ *Host, s remote.Script, say say) {
	if n.pending == nil {
		say("refused", "no change is awaiting confirmation")
		return
	}
	if len(n.generations) == 0 {
		n.generations = append(n.generations, generation{state: n.pending.before})
	}
	number := n.pending.number
	n.generations = append(n.generations, generation{n.save(), number, clock, n.pending.about, n.pending.txn, n.pending.record, ""})
	n.pending, n.restored = nil, ""
	if restart := nodetest.As[node.ConfirmRequest](s).Restart; restart != nil {
		n.put("/var/lib/kplb/restarted", 0o600, []byte(restart.String()+"\n"))
	}
	say("confirmed", strconv.Itoa(number))
	say("done")
}

// isNext says whether the node can have a generation of this number.
func isNext(n *Node, number int, say say) bool {
	if number <= n.current() {
		say("refused", fmt.Sprintf("generation %d cannot be made: the node has generation %d", number, n.current()))
		return false
	}
	return true
}

func level(n *Node, _ *Host, s remote.Script, say say) {
	q := nodetest.As[node.LevelRequest](s)
	if slices.ContainsFunc(n.generations, func(g generation) bool { return g.number == q.Number && g.txn == q.Txn }) {
		say("done")
		return
	}
	if !isNext(n, q.Number, say) {
		return
	}
	if len(n.generations) == 0 {
		n.generations = append(n.generations, generation{state: n.save()})
	}
	n.generations = append(n.generations, generation{n.save(), q.Number, clock, q.About, q.Txn, q.Record, ""})
	say("done")
}

func back(n *Node, _ *Host, s remote.Script, say say) {
	q := nodetest.As[node.RevertRequest](s)
	if n.pending == nil && q.Txn == "" {
		say("refused", "no change is awaiting confirmation")
		return
	}
	if n.pending != nil {
		n.Revert(q.Reason)
	}
	n.staged = nil
	if q.Txn != "" && slices.ContainsFunc(n.generations, func(g generation) bool { return g.txn == q.Txn }) {
		say("confirmed")
	}
	say("done")
}

// Revert takes an unconfirmed change back, as the node does by itself when its
// time is over.
func (n *Node) Revert(reason string) {
	n.restored = fmt.Sprintf("reason=%s\ntime=%s\nabout=%s\ntxn=%s\n", reason, clock, n.pending.about, n.pending.txn)
	n.restore(n.pending.before)
	n.pending = nil
}

func generations(n *Node, _ *Host, s remote.Script, say say) {
	list := make([]node.Generation, len(n.generations))
	for i, g := range n.generations {
		list[i] = node.Generation{Number: g.number, Time: g.time, About: g.about, Current: g.number == n.current()}
		if g.record != nil {
			list[i].Record, list[i].Err = record.Parse(g.record)
		}
		if g.number == 0 {
			list[i].About = "as it was before kplb"
		}
	}
	say.all(nodetest.Generations(list))
	q, one := nodetest.Request(s).(nodetest.SnapshotRequest)
	if !one {
		return
	}
	i := slices.IndexFunc(n.generations, func(g generation) bool { return g.number == q.Generation })
	if i < 0 {
		say("refused", "there is no generation "+strconv.Itoa(q.Generation))
		return
	}
	g := n.generations[i]
	if g.edited != "" {
		say("refused", fmt.Sprintf("generation %d was edited since it was confirmed: %s", q.Generation, g.edited))
		return
	}
	kept := &node.Snapshot{Files: filesAt(g.files, slices.Collect(maps.Keys(g.files))), Units: map[string]node.Unit{}, NonlocalBind: g.nonlocal}
	for name, u := range g.units {
		kept.Units[name] = node.Unit{Active: u.active(), File: u.enabled()}
	}
	say.all(nodetest.Snapshot(kept))
}

func forget(n *Node, _ *Host, _ remote.Script, say say) {
	LoseState(n)
	say("done")
}

// LoseState removes /var/lib/kplb, as somebody does who tidies up.
func LoseState(n *Node) {
	for path := range n.Files {
		if strings.HasPrefix(path, "/var/lib/kplb/") {
			delete(n.Files, path)
		}
	}
	n.generations, n.staged, n.restored = nil, nil, ""
}
