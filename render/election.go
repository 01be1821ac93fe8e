package render

import (
	"math/bits"
	"slices"
)

// election is a small model of VRRP as keepalived has it (RFC 9568, 6.4):
//
//   - All start as BACKUP. `state MASTER` is no more than that (domain.md 2.2).
//   - A BACKUP that hears no holder becomes one: the highest priority first, as
//     its skew is the shortest; equal ones at the same time.
//   - A BACKUP that hears only lower holders becomes one, too, unless it has
//     nopreempt.
//   - A holder that hears a higher one gives up; of equal ones the lower address.
//   - A node in FAULT, and one that is off, cut off or without keepalived, does
//     not take part. What is left on a node whose keepalived was killed is
//     taken away by its unit.
//
// Time is left out: between two events everything settles.
type election struct {
	speakers []Speaker
	statuses [][]status // of each speaker; off and well are the first
	hears    []uint16   // of each speaker, a bit for each whose adverts it takes
	quiet    uint16     // a bit for each speaker whose nopreempt counts
	beats    [][]bool   // at equal priorities
}

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

// mostSpeakers is what a state has room for.
const mostSpeakers = 16

// state is how all nodes are, and who holds the VIP.
type state struct {
	at      [mostSpeakers]uint8 // the status of each
	holders uint16
}

func newElection(speakers []Speaker) *election {
	e := &election{
		speakers: speakers, statuses: make([][]status, len(speakers)),
		hears: make([]uint16, len(speakers)), beats: make([][]bool, len(speakers)),
	}
	for i, s := range speakers {
		e.statuses[i] = s.statuses()
		if s.NoPreempt && s.State != "MASTER" { // beside it keepalived takes nopreempt away
			e.quiet |= 1 << i
		}
		e.beats[i] = make([]bool, len(speakers))
		for j, other := range speakers {
			if i != j && s.deafTo(other) == "" {
				e.hears[i] |= 1 << j
			}
			e.beats[i][j] = other.source.Less(s.source)
		}
	}
	return e
}

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

// now is the status of a node.
func (e *election) now(s *state, i int) *status { return &e.statuses[i][s.at[i]] }

// settle lets the election come to rest, and gives the nodes that became
// holder on the way.
func (e *election) settle(s *state) (entered uint16) {
	for i := range e.speakers {
		if !e.now(s, i).part {
			s.holders &^= 1 << i
		}
	}
	for range 4 * len(e.speakers) { // each round is a step towards rest, unless they cannot hear each other
		if down := e.givingUp(s); down != 0 {
			s.holders &^= down
			continue
		}
		up := e.takingOver(s)
		if up == 0 {
			break
		}
		s.holders |= up
		entered |= up
	}
	return entered
}

// givingUp are the holders that hear a better one.
func (e *election) givingUp(s *state) (down uint16) {
	for left := s.holders; left != 0; left &= left - 1 {
		i := bits.TrailingZeros16(left)
		for heard := s.holders & e.hears[i]; heard != 0; heard &= heard - 1 {
			j := bits.TrailingZeros16(heard)
			mine, other := e.now(s, i).priority, e.now(s, j).priority
			if other > mine || other == mine && e.beats[j][i] {
				down |= 1 << i
			}
		}
	}
	return down
}

// takingOver are those who become holder next.
func (e *election) takingOver(s *state) (up uint16) {
	highest := 0
	for i := range e.speakers {
		mine := e.now(s, i)
		if !mine.part || s.holders&(1<<i) != 0 || mine.priority < highest || !e.wants(s, i) {
			continue
		}
		if mine.priority > highest {
			highest, up = mine.priority, 0
		}
		up |= 1 << i
	}
	return up
}

// wants says whether a BACKUP hears nobody that keeps it from becoming holder.
func (e *election) wants(s *state, i int) bool {
	for heard := s.holders & e.hears[i]; heard != 0; heard &= heard - 1 {
		j := bits.TrailingZeros16(heard)
		if e.quiet&(1<<i) != 0 || e.now(s, j).priority >= e.now(s, i).priority {
			return false
		}
	}
	return true
}
