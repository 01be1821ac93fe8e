package render

import (
	"regexp"
	"strconv"
	"time"
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
func readChecks(all, instance statement, haproxyUnit []byte) []check {
	var out []check
	for _, block := range instance.inner {
		for _, use := range block.inner {
			name := use.word(0)
			switch {
			case block.is("track_file"):
				if c, ok := fileCheck(use, all.define(name, "track_file", "vrrp_track_file"), haproxyUnit); ok {
					out = append(out, c)
				}
			case block.is("track_script"):
				def := all.define(name, "vrrp_script")
				c := weighed(use, def, check{name: name, dead: true, frozen: true})
				if def.find("script").word(1) == CheckPath { // which waits a second for its answer
					c.within = time.Duration(s2i(def.find("interval").word(1), 1)*s2i(def.find("fall").word(1), 1))*time.Second + time.Second
				}
				out = append(out, c)
			case block.is("track_process"):
				def := all.define(name, "vrrp_track_process")
				out = append(out, weighed(use, def, check{name: name, dead: haproxyName.MatchString(def.find("process").word(1))}))
			case block.is("track_interface"):
				out = append(out, weighed(use, statement{}, check{name: "interface " + name}))
			}
		}
	}
	return out
}

var haproxyName = regexp.MustCompile(`(^|/)haproxy$`)

// define is the block that defines what is tracked.
func (s statement) define(name string, kinds ...string) statement {
	for _, inner := range s.inner {
		if inner.is(kinds...) && inner.word(1) == name {
			return inner
		}
	}
	return statement{}
}

// weight is that of the use, or else of the definition, or else the usual one.
func weight(use, def statement, otherwise int) (value, line int) {
	if w, ok := use.after("weight"); ok {
		return s2i(w, otherwise), use.line
	}
	if w := def.find("weight"); w.line > 0 {
		return s2i(w.word(1), otherwise), w.line
	}
	return otherwise, use.line
}

// reversed turns a check round.
func reversed(use, def statement) bool {
	last := use.word(len(use.words) - 1)
	w := def.find("weight")
	return last == "reverse" || last != "noreverse" && w.word(len(w.words)-1) == "reverse"
}

// weighed gives a check that passes or fails its effects: without a weight
// FAULT when it fails, with a positive one more while it passes, with a
// negative one less when it fails.
func weighed(use, def statement, c check) check {
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
func fileCheck(use, def statement, haproxyUnit []byte) (check, bool) {
	path := def.find("file").word(1)
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
	return check{name: use.word(0), line: line, well: of(there), failed: of(gone), dead: true}, true
}
