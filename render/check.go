package render

import (
	"regexp"
	"strconv"
	"time"

	"github.com/kplb/kplb/keepalived"
)

// check is something that keepalived tracks, and what that does to the node.
type check struct {
	name         string
	line         int // in keepalived.conf, of what decides the effect
	well, failed effect
	dead, frozen bool          // fails when HAProxy is gone, or answers no more
	within       time.Duration // of a frozen HAProxy; 0: not known
}

// effect is what a check does: FAULT takes the node out of the election.
type effect struct {
	fault  bool
	adjust int // of the priority
}

// readChecks collects what an instance tracks. Files that haproxy.service does
// not write are left out: nobody knows what is in them.
func readChecks(all, instance keepalived.Statement, haproxyUnit []byte) []check {
	var out []check
	for _, block := range instance.Inner {
		for _, use := range block.Inner {
			name := use.Word(0)
			switch {
			case block.Is("track_file"):
				if c, ok := fileCheck(use, all.Named(name, "track_file", "vrrp_track_file"), haproxyUnit); ok {
					out = append(out, c)
				}
			case block.Is("track_script"):
				def := all.Named(name, "vrrp_script")
				c := weighed(use, def, check{name: name, dead: true, frozen: true})
				if def.Find("script").Word(1) == CheckPath { // which waits a second for its answer
					c.within = time.Duration(s2i(def.Find("interval").Word(1), 1)*s2i(def.Find("fall").Word(1), 1))*time.Second + time.Second
				}
				out = append(out, c)
			case block.Is("track_process"):
				def := all.Named(name, "vrrp_track_process")
				out = append(out, weighed(use, def, check{name: name, dead: haproxyName.MatchString(def.Find("process").Word(1))}))
			case block.Is("track_interface"):
				out = append(out, weighed(use, keepalived.Statement{}, check{name: "interface " + name}))
			}
		}
	}
	return out
}

var haproxyName = regexp.MustCompile(`(^|/)haproxy$`)

// weight is that of the use, or else of the definition, or else the usual one.
func weight(use, def keepalived.Statement, otherwise int) (value, line int) {
	if w, ok := use.After("weight"); ok {
		return s2i(w, otherwise), use.Line
	}
	if w := def.Find("weight"); w.Line > 0 {
		return s2i(w.Word(1), otherwise), w.Line
	}
	return otherwise, use.Line
}

// reversed turns a check round.
func reversed(use, def keepalived.Statement) bool {
	last := use.Word(len(use.Words) - 1)
	w := def.Find("weight")
	return last == "reverse" || last != "noreverse" && w.Word(len(w.Words)-1) == "reverse"
}

// weighed gives a check that passes or fails its effects: without a weight
// FAULT when it fails, with a positive one more while it passes, with a
// negative one less when it fails.
func weighed(use, def keepalived.Statement, c check) check {
	w, line := weight(use, def, 0)
	c.line = line
	switch {
	case w == 0:
		c.failed.fault = true
	case w > 0:
		c.well.adjust = w
	default:
		c.failed.adjust = w
	}
	if reversed(use, def) {
		c.well, c.failed = effect{c.failed.fault, -c.well.adjust}, effect{c.well.fault, -c.failed.adjust}
	}
	return c
}

// fileCheck is a tracked file that haproxy.service writes: the number in it
// times the weight, and FAULT from -254 down.
func fileCheck(use, def keepalived.Statement, haproxyUnit []byte) (check, bool) {
	path := def.Find("file").Word(1)
	when := func(key string) (int, bool) {
		form := regexp.MustCompile(`(?m)^` + key + `=.*\becho (-?\d+) *> *` + regexp.QuoteMeta(path) + `\b`)
		m := form.FindSubmatch(haproxyUnit)
		if m == nil {
			return 0, false
		}
		n, err := strconv.Atoi(string(m[1]))
		return n, err == nil
	}
	gone, ok := when("ExecStopPost")
	if !ok || path == "" {
		return check{}, false
	}
	there, _ := when("ExecStartPost")
	w, line := weight(use, def, 1)
	if reversed(use, def) {
		w = -w
	}
	of := func(value int) effect {
		switch {
		case w == 0:
			return effect{fault: value != 0}
		case value*w <= -254:
			return effect{fault: true}
		}
		return effect{adjust: min(253, value*w)}
	}
	return check{name: use.Word(0), line: line, well: of(there), failed: of(gone), dead: true}, true
}
