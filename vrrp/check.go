package vrrp

import (
	"regexp"
	"strconv"
	"time"

	"github.com/kplb/kplb/keepalived"
)

// check is something that an instance tracks, and what its result does to the
// node.
type check struct {
	name          string
	line          int // in keepalived.conf, of what decides the effect
	passes, fails effect
	dead, frozen  bool          // it fails when HAProxy is gone, or does not answer any more
	within        time.Duration // it notices a frozen HAProxy; 0: not known
}

// effect is what a result does. FAULT takes the node out of the election.
type effect struct {
	fault  bool
	adjust int // of the priority
}

// readChecks collects what an instance tracks. Files that haproxy.service does
// not write are left out: nothing is known of what is in them.
func readChecks(config, instance keepalived.Statement, haproxyUnit []byte) []check {
	var out []check
	for _, block := range instance.Inner {
		for _, use := range block.Inner {
			name := use.Word(0)
			switch {
			case block.Is("track_file"):
				if c, ok := fileCheck(use, config.Named(name, "track_file", "vrrp_track_file"), haproxyUnit); ok {
					out = append(out, c)
				}
			case block.Is("track_script"):
				def := config.Named(name, "vrrp_script")
				c := weighed(use, def, check{name: name, dead: true, frozen: true})
				if def.Find("script").Word(1) == keepalived.CheckPath { // which waits a second for its answer
					c.within = time.Duration(number(def.Find("interval").Word(1), 1)*number(def.Find("fall").Word(1), 1))*time.Second + time.Second
				}
				out = append(out, c)
			case block.Is("track_process"):
				def := config.Named(name, "vrrp_track_process")
				out = append(out, weighed(use, def, check{name: name, dead: haproxyProgram.MatchString(def.Find("process").Word(1))}))
			case block.Is("track_interface"):
				out = append(out, weighed(use, keepalived.Statement{}, check{name: "interface " + name}))
			}
		}
	}
	return out
}

var haproxyProgram = regexp.MustCompile(`(^|/)haproxy$`)

// weight is that of the use, or else of the definition, or else the default of
// what is tracked.
func weight(use, def keepalived.Statement, otherwise int) (value, line int) {
	if w, ok := use.After("weight"); ok {
		return number(w, otherwise), use.Line
	}
	if w := def.Find("weight"); w.Line > 0 {
		return number(w.Word(1), otherwise), w.Line
	}
	return otherwise, use.Line
}

// reversed says whether the results of a check count the other way round.
func reversed(use, def keepalived.Statement) bool {
	last := use.Word(len(use.Words) - 1)
	w := def.Find("weight")
	return last == "reverse" || last != "noreverse" && w.Word(len(w.Words)-1) == "reverse"
}

// weighed gives a check that passes or fails its effects: without a weight,
// FAULT when it fails; with a positive one, a higher priority while it passes;
// with a negative one, a lower priority when it fails.
func weighed(use, def keepalived.Statement, c check) check {
	w, line := weight(use, def, 0)
	c.line = line
	switch {
	case w == 0:
		c.fails.fault = true
	case w > 0:
		c.passes.adjust = w
	default:
		c.fails.adjust = w
	}
	if reversed(use, def) {
		c.passes, c.fails = effect{c.fails.fault, -c.passes.adjust}, effect{c.passes.fault, -c.fails.adjust}
	}
	return c
}

// fileCheck is a tracked file that haproxy.service writes. keepalived multiplies
// the number in it with the weight: -254 or less is FAULT, another product
// adjusts the priority; with weight 0, any number but 0 is FAULT.
func fileCheck(use, def keepalived.Statement, haproxyUnit []byte) (check, bool) {
	path := def.Find("file").Word(1)
	writtenBy := func(key string) (int, bool) {
		form := regexp.MustCompile(`(?m)^` + key + `=.*\becho (-?\d+) *> *` + regexp.QuoteMeta(path) + `\b`)
		m := form.FindSubmatch(haproxyUnit)
		if m == nil {
			return 0, false
		}
		n, err := strconv.Atoi(string(m[1]))
		return n, err == nil
	}
	stopped, ok := writtenBy("ExecStopPost")
	if !ok || path == "" {
		return check{}, false
	}
	started, _ := writtenBy("ExecStartPost")
	w, line := weight(use, def, 1)
	if reversed(use, def) {
		w = -w
	}
	effectOf := func(value int) effect {
		switch {
		case w == 0:
			return effect{fault: value != 0}
		case value*w <= -254:
			return effect{fault: true}
		}
		return effect{adjust: min(253, value*w)}
	}
	return check{name: use.Word(0), line: line, passes: effectOf(started), fails: effectOf(stopped), dead: true}, true
}
