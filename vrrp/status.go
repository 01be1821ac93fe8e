package vrrp

import "slices"

// status is one of the ways in which a node can be.
type status struct {
	name         string // of what fails
	participates bool   // in the election
	healthy      bool   // HAProxy works, and so does all else that is tracked
	priority     int
	line         int  // of the check that fails, in keepalived.conf
	dead, frozen bool // HAProxy is
	fault        bool
}

// The indexes of the statuses that every node has, and of the first of the others.
const (
	statusOff = iota
	statusHealthy
	statusFailing
)

// statuses lists what can become of a node, each different effect once: off,
// healthy, HAProxy dead, HAProxy frozen, and every check failing alone.
func (s Speaker) statuses() []status {
	seesDead := func(c check) bool { return c.dead }
	seesFrozen := func(c check) bool { return c.frozen }
	out := []status{{name: "off"}, s.when("well", func(check) bool { return false })}
	if !slices.ContainsFunc(s.checks, seesDead) { // no check notices, and HAProxy is dead all the same
		unnoticed := out[statusHealthy]
		unnoticed.name, unnoticed.healthy, unnoticed.dead, unnoticed.line = "HAProxy dead", false, true, s.lines[""]
		out = append(out, unnoticed)
	}
	add := func(next status) {
		i := slices.IndexFunc(out[statusFailing:], func(o status) bool { return o.participates == next.participates && o.priority == next.priority })
		if i < 0 {
			out = append(out, next)
			return
		}
		same := &out[statusFailing+i]
		same.dead, same.frozen = same.dead || next.dead, same.frozen || next.frozen
	}
	if slices.ContainsFunc(s.checks, seesDead) {
		next := s.when("HAProxy dead", seesDead)
		next.dead = true
		add(next)
	}
	if slices.ContainsFunc(s.checks, seesFrozen) {
		next := s.when("HAProxy frozen", seesFrozen)
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
	out := status{name: name, participates: true, healthy: true, priority: s.Priority, line: s.lines["priority"]}
	for _, c := range s.checks {
		effect := c.passes
		if fails(c) {
			effect, out.healthy, out.line = c.fails, false, c.line
		}
		out.priority += effect.adjust
		out.fault = out.fault || effect.fault
	}
	out.priority = min(254, max(1, out.priority))
	if out.fault {
		out.participates, out.priority = false, 0
	}
	return out
}
