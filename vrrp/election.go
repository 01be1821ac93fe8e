package vrrp

import "math/bits"

// election is a small model of VRRP (RFC 9568, 6.4) as keepalived implements it:
//
//   - All start as BACKUP. With `state MASTER` they do, too; it only makes
//     keepalived ignore nopreempt.
//   - A BACKUP that hears no holder becomes one: the highest priority first, as
//     its skew time is the shortest; equal ones at the same time.
//   - A BACKUP that hears only holders of a lower priority becomes one, too,
//     unless it has nopreempt.
//   - A holder that hears one of a higher priority gives up; of equal ones the
//     one with the lower address gives up.
//   - A node in FAULT, and one that is off, cut off or without keepalived, does
//     not take part. Addresses that a killed keepalived leaves behind are
//     removed by its unit.
//
// Time is left out: between two events everything settles.
type election struct {
	speakers  []Speaker
	statuses  [][]status // of each speaker, see statusOff
	hears     []uint16   // of each speaker, a bit for each whose adverts it accepts
	noPreempt uint16     // a bit for each speaker that has it, and keepalived does not ignore it
	winsTie   [][]bool   // [i][j]: i keeps the VIP and j gives up, at equal priorities
}

// maxSpeakers is what a state has room for.
const maxSpeakers = 16

// state is the status of every node, and who holds the VIP.
type state struct {
	at      [maxSpeakers]uint8 // the index of each speaker's status
	holders uint16             // a bit for each
}

func newElection(speakers []Speaker) *election {
	e := &election{
		speakers: speakers, statuses: make([][]status, len(speakers)),
		hears: make([]uint16, len(speakers)), winsTie: make([][]bool, len(speakers)),
	}
	for i, s := range speakers {
		e.statuses[i] = s.statuses()
		if s.NoPreempt && s.State != "MASTER" {
			e.noPreempt |= 1 << i
		}
		e.winsTie[i] = make([]bool, len(speakers))
		for j, other := range speakers {
			if i != j && s.rejects(other) == "" {
				e.hears[i] |= 1 << j
			}
			e.winsTie[i][j] = other.source.Less(s.source)
		}
	}
	return e
}

// now is the status of a node.
func (e *election) now(s *state, i int) *status { return &e.statuses[i][s.at[i]] }

// settle lets the election come to rest, and returns the nodes that became
// holder on the way.
func (e *election) settle(s *state) (entered uint16) {
	for i := range e.speakers {
		if !e.now(s, i).participates {
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
			if other > mine || other == mine && e.winsTie[j][i] {
				down |= 1 << i
			}
		}
	}
	return down
}

// takingOver are those that become holder next.
func (e *election) takingOver(s *state) (up uint16) {
	highest := 0
	for i := range e.speakers {
		mine := e.now(s, i)
		if !mine.participates || s.holders&(1<<i) != 0 || mine.priority < highest || !e.mayTakeOver(s, i) {
			continue
		}
		if mine.priority > highest {
			highest, up = mine.priority, 0
		}
		up |= 1 << i
	}
	return up
}

// mayTakeOver says whether a BACKUP hears no holder that keeps it from becoming
// one.
func (e *election) mayTakeOver(s *state, i int) bool {
	for heard := s.holders & e.hears[i]; heard != 0; heard &= heard - 1 {
		j := bits.TrailingZeros16(heard)
		if e.noPreempt&(1<<i) != 0 || e.now(s, j).priority >= e.now(s, i).priority {
			return false
		}
	}
	return true
}

// holder is who holds the VIP, and who else does.
func (e *election) holder(s state) (first string, others []string) {
	for i, speaker := range e.speakers {
		switch {
		case s.holders&(1<<i) == 0:
		case first == "":
			first = speaker.Node
		default:
			others = append(others, speaker.Node)
		}
	}
	return first, others
}

// start is all nodes healthy, started at the same moment.
func (e *election) start() state {
	var s state
	for i := range e.speakers {
		s.at[i] = statusHealthy
	}
	e.settle(&s)
	return s
}
