package rollout

import (
	"context"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kplb/kplb/drill"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
)

// drillScript runs a part of drill.sh on a node.
func (r *Rollout) drillScript(ctx context.Context, n inventory.Node, do string, vars map[string]string, each func(remote.Record)) error {
	h, err := r.host(ctx, n)
	if err != nil {
		return err
	}
	s := node.Script("drill", map[string]string{
		"KPLB_VIP": "", "KPLB_SECONDS": "", "KPLB_FAULT": "", "KPLB_LASTS": "", "KPLB_INTERFACE": "", "KPLB_VIPS": "", "KPLB_AT": "",
	})
	s.Name = "drill " + do
	maps.Copy(s.Vars, vars)
	s.Vars["KPLB_DO"] = do
	switch do {
	case "break":
		s.Files = map[string][]byte{"mend": node.ProgramFile("drill_mend.sh")}
	case "watch":
		s.Files = map[string][]byte{"watch": node.ProgramFile("drill_watch.sh")}
	}
	return node.Run(ctx, h, s, each)
}

// watch has every node write down when it gets the VIP, and loses it.
func (d *exercise) watch(ctx context.Context) error {
	o := d.options
	lasts := drillCalm + o.Lasts + o.Patience + drillTail + time.Minute
	if d.fault.Off {
		lasts += o.Power
	}
	return d.r.each(d.r.Cluster.Nodes, func(n inventory.Node) error {
		return d.r.drillScript(ctx, n, "watch", map[string]string{"KPLB_VIP": d.r.Cluster.VIP.String(), "KPLB_SECONDS": seconds(lasts)}, nil)
	})
}

// drillGoodbye is how long the nodes may take to be tidied up.
const drillGoodbye = time.Minute

// clean removes what a drill has on the nodes. What cannot be reached loses it
// with its next reboot, and the next drill begins with it.
func (d *exercise) clean(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drillGoodbye)
	defer cancel()
	_ = d.r.each(d.r.Cluster.Nodes, func(n inventory.Node) error { return d.r.drillScript(ctx, n, "end", nil, nil) }) // as above
}

// collect gathers the nodes' own records.
func (d *exercise) collect(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drillGoodbye)
	defer cancel()
	var mu sync.Mutex
	changes := map[string][]drill.Change{}
	d.seen.Doubt = drill.Doubt
	_ = d.r.each(d.r.Cluster.Nodes, func(n inventory.Node) error { // who does not answer is blind
		log := nodeLog{since: d.sampling.Since, asked: d.sampling.Since()}
		err := d.r.drillScript(ctx, n, "seen", nil, log.take)
		mu.Lock()
		defer mu.Unlock()
		changes[n.Name] = log.changes(n.Name)
		d.seen.Doubt = max(d.seen.Doubt, log.doubt)
		if n.Name == d.node.Name {
			d.place(&log)
		}
		return err
	})
	var all []drill.Change
	for _, n := range d.r.Cluster.Nodes {
		if len(changes[n.Name]) == 0 {
			d.seen.Blind = append(d.seen.Blind, n.Name)
			changes[n.Name] = d.withoutPower(n)
		}
		all = append(all, changes[n.Name]...)
	}
	d.seen.Spans = drill.Spans(all, d.seen.End)
}

// place takes the node's word for when it was broken, and put back.
func (d *exercise) place(log *nodeLog) {
	within := func(at time.Duration) bool { return at > 0 && at < d.seen.End }
	if at, ok := log.at("struck"); ok && within(at) {
		d.seen.Struck = at
	}
	if at, ok := log.at("mended"); ok && within(at) && d.seen.Mended > 0 {
		d.seen.Mended = at
		if by := log.words["by"]; mendedBy[by] {
			d.seen.MendedBy = by
		}
	}
}

// mendedBy are the words that drill_mend.sh is called with.
var mendedBy = map[string]bool{"the operator": true, "the node itself": true, "its own timer": true, "the next drill": true}

// withoutPower is what is known of a node that was off: it had the VIP before,
// or not, and had nothing then.
func (d *exercise) withoutPower(n inventory.Node) []drill.Change {
	if !d.fault.Off || n.Name != d.node.Name || !d.held {
		return nil
	}
	return []drill.Change{{Node: n.Name, At: 0, Holds: true}, {Node: n.Name, At: d.seen.Struck}}
}

// nodeLog is what one node has written down. Nothing in it is trusted: what
// does not have its form is left out.
type nodeLog struct {
	since func() time.Duration // now, as the run counts
	ahead time.Duration        // of the node's clock
	clock bool
	asked time.Duration // when it was asked
	doubt time.Duration // of ahead: it said what time it is between the question and the answer
	words map[string]string
}

func (l *nodeLog) take(r remote.Record) {
	if len(r.Fields) != 1 {
		return
	}
	if r.Key == "clock" {
		var now time.Duration
		now, l.clock = nodeTime(r.Fields[0])
		arrived := l.since()
		l.ahead, l.doubt = now-arrived, arrived-l.asked
		return
	}
	if l.words == nil {
		l.words = map[string]string{}
	}
	l.words[r.Key] = strings.TrimSpace(r.Fields[0])
}

// at is when something was, as the run counts.
func (l *nodeLog) at(what string) (time.Duration, bool) {
	t, ok := nodeTime(l.words[what])
	if !ok || !l.clock {
		return 0, false
	}
	return t - l.ahead, true
}

var holderForm = regexp.MustCompile(`^([0-9]{1,11}\.[0-9]{9}) (held|lost)$`)

// mostChanges bounds what one node tells.
const mostChanges = 1000

func (l *nodeLog) changes(node string) []drill.Change {
	var out []drill.Change
	for line := range strings.Lines(l.words["holder"]) {
		m := holderForm.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil || !l.clock || len(out) == mostChanges {
			continue
		}
		at, _ := nodeTime(m[1]) // of this form
		out = append(out, drill.Change{Node: node, At: at - l.ahead, Holds: m[2] == "held"})
	}
	return out
}

// nodeTime reads SECONDS.NANOSECONDS.
func nodeTime(s string) (time.Duration, bool) {
	if !clockForm.MatchString(s) {
		return 0, false
	}
	whole, part, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(whole, 10, 34)
	nano, err2 := strconv.ParseInt(part, 10, 64)
	return time.Duration(sec)*time.Second + time.Duration(nano), err == nil && err2 == nil
}
