package render

import "slices"

// status is one of the ways in which a node can be.
type status struct {
	name     string // of what fails
	part     bool   // takes part in the election
	well     bool   // its HAProxy works, and so does all else that is tracked
	priority int
	line     int // of the check that fails, in keepalived.conf
	dead     bool
	frozen   bool
	fault    bool
}

// The statuses that everybody has.
const (
	off = iota
	well
	failing // the first of the others
)

// statuses lists what can become of a node, each different effect once: off,
// well, HAProxy dead, HAProxy frozen, and every check failing alone.
func (s Speaker) statuses() []status {
	out := []status{{name: "off"}, s.when("well", func(check) bool { return false })}
	if !slices.ContainsFunc(s.checks, func(c check) bool { return c.dead }) { // it is dead all the same
		blind := out[well]
		blind.name, blind.well, blind.dead, blind.line = "HAProxy dead", false, true, s.lines[""]
		out = append(out, blind)
	}
	add := func(next status) {
		i := slices.IndexFunc(out[failing:], func(o status) bool { return o.part == next.part && o.priority == next.priority })
		if i < 0 {
			out = append(out, next)
			return
		}
		out[failing+i].dead = out[failing+i].dead || next.dead
		out[failing+i].frozen = out[failing+i].frozen || next.frozen
	}
	if slices.ContainsFunc(s.checks, func(c check) bool { return c.dead }) {
		next := s.when("HAProxy dead", func(c check) bool { return c.dead })
		next.dead = true
		add(next)
	}
	if slices.ContainsFunc(s.checks, func(c check) bool { return c.frozen }) {
		next := s.when("HAProxy frozen", func(c check) bool { return c.frozen })
		next.frozen = true
		add(next)
	}
	for i, c := range s.checks {
		next := s.when(c.name+" failing", func(other check) bool { return other == s.checks[i] })
		next.line = c.line
		add(next)
	}
	return out
}

// when is the status in which some checks fail.
func (s Speaker) when(name string, fails func(check) bool) status {
	out := status{name: name, part: true, well: true, priority: s.Priority, line: s.lines["priority"]}
	for _, c := range s.checks {
		effect := c.well
		if fails(c) {
			effect, out.well, out.line = c.failed, false, c.line
		}
		out.priority += effect.adjust
		out.fault = out.fault || effect.fault
	}
	out.priority = min(254, max(1, out.priority))
	if out.fault {
		out.part, out.priority = false, 0
	}
	return out
}
