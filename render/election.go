package render

import "math/bits"

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
