package node

import (
	"context"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
)

// drill is a part of drill.sh, for the operator who holds the lock with this token.
// Variables that it is not given are empty.
func drill(l distribution.Layout, do, token string, vars map[string]string) remote.Script {
	s := layoutScript("drill", l, map[string]string{
		"KPLB_VIP": "", "KPLB_SECONDS": "", "KPLB_FAULT": "", "KPLB_LASTS": "", "KPLB_INTERFACE": "", "KPLB_VIPS": "", "KPLB_AT": "",
	})
	for name, value := range vars {
		s.Vars[name] = value
	}
	s.Name, s.Vars["KPLB_DO"], s.Vars["KPLB_TOKEN"] = "drill "+do, do, token
	return s
}

// WatchRequest has a node write down when it gets a VIP, and when it loses it.
type WatchRequest struct {
	Token string // of the lock that the operator holds
	VIP   netip.Addr
	Lasts time.Duration // in whole seconds, at most
}

// StartWatch begins a drill on a node. What an earlier one has left broken is put
// back first.
func StartWatch(ctx context.Context, h Host, q WatchRequest) error {
	return run(ctx, h, q.script(), nil)
}

func (q WatchRequest) script() remote.Script {
	s := drill(unnamed, "watch", q.Token, map[string]string{"KPLB_VIP": q.VIP.String(), "KPLB_SECONDS": seconds(q.Lasts)})
	s.Files = map[string][]byte{"watch": []byte(file("drill_watch.sh"))}
	return s
}

// BreakRequest is a fault, and how it is put back.
type BreakRequest struct {
	Token     string         // of the lock that the operator holds
	Fault     string         // its name, as drill.sh knows it
	Lasts     time.Duration  // of a node that cannot be reached, in whole seconds
	MendAfter time.Duration  // after which the node puts it back by itself, in whole seconds
	Interface string         // of the VIPs
	VIPs      []netip.Addr   // which the node does not put back: keepalived does that
	APIServer netip.AddrPort // of the node
}

// Break breaks something on a node, which can put it back by itself before it
// begins. What cannot be broken is a RefusedError.
func Break(ctx context.Context, h Host, l distribution.Layout, q BreakRequest) error {
	return run(ctx, h, q.script(l), nil)
}

func (q BreakRequest) script(l distribution.Layout) remote.Script {
	s := drill(l, "break", q.Token, map[string]string{
		"KPLB_FAULT": q.Fault, "KPLB_LASTS": seconds(q.Lasts), "KPLB_SECONDS": seconds(q.MendAfter),
		"KPLB_INTERFACE": q.Interface, "KPLB_VIPS": inventory.Join(q.VIPs, " "), "KPLB_AT": q.APIServer.String(),
	})
	s.Files = map[string][]byte{"mend": mendProgram(l)}
	return s
}

// Mend puts back what is broken on a node, if something is. The token is that of the
// lock that the operator holds.
func Mend(ctx context.Context, h Host, token string) error {
	return run(ctx, h, drill(unnamed, "mend", token, nil), nil)
}

// EndDrill removes what a drill has on a node, and puts back what is broken. The token
// is that of the lock that the operator holds.
func EndDrill(ctx context.Context, h Host, token string) error {
	return run(ctx, h, drill(unnamed, "end", token, nil), nil)
}

// DrillLog is what a node has written down of a drill. Times are the node's,
// since the epoch; 0: it did not say. What does not have its form is left out.
type DrillLog struct {
	Clock   time.Duration // what time it is there
	At      time.Time     // when it said so, here; zero: it did not
	Struck  time.Duration // when it was broken
	Mended  time.Duration // when it was put back
	By      string        // who did that
	Changes []HolderChange
}

// HolderChange says when a node got the VIP, or lost it.
type HolderChange struct {
	At    time.Duration // since the epoch
	Holds bool
}

// ReadDrillLog asks a node for its log. What there is of it comes with an error,
// too.
func ReadDrillLog(ctx context.Context, h Host) (*DrillLog, error) {
	log := &DrillLog{}
	err := run(ctx, h, drill(unnamed, "seen", "", nil), log.take)
	return log, err
}

func (l *DrillLog) take(r remote.Record) {
	if len(r.Fields) != 1 {
		return
	}
	said := strings.TrimSpace(r.Fields[0])
	switch r.Key {
	case "clock":
		l.At = time.Time{}
		if now, ok := nodeTime(r.Fields[0]); ok {
			l.Clock, l.At = now, time.Now()
		}
	case "struck":
		l.Struck, _ = nodeTime(said)
	case "mended":
		l.Mended, _ = nodeTime(said)
	case "by":
		if mendedBy[said] {
			l.By = said
		}
	case "holder":
		l.Changes = changes(said)
	}
}

// mendedBy are the words that drill_mend.sh is called with.
var mendedBy = map[string]bool{"the operator": true, "the node itself": true, "its own timer": true, "the next drill": true}

var (
	clockForm  = regexp.MustCompile(`^[0-9]{1,11}\.[0-9]{9}$`)
	holderForm = regexp.MustCompile(`^([0-9]{1,11}\.[0-9]{9}) (held|lost)$`)
)

// mostChanges bounds what one node tells.
const mostChanges = 1000

func changes(log string) []HolderChange {
	var out []HolderChange
	for line := range strings.Lines(log) {
		m := holderForm.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil || len(out) == mostChanges {
			continue
		}
		at, _ := nodeTime(m[1]) // of this form
		out = append(out, HolderChange{at, m[2] == "held"})
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
