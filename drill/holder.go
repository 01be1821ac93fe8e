package drill

import (
	"cmp"
	"slices"
	"time"
)

// Change is the moment when a node got the VIP, or lost it.
type Change struct {
	Node  string
	At    time.Duration // since the run began; the first of each node says what it was before
	Holds bool
}

// Span is a time in which a node held the VIP.
type Span struct {
	Node     string
	From, To time.Duration // since the run began
}

// Spans makes whole times out of changes, up to the run's end: in the order
// in which they began.
func Spans(changes []Change, end time.Duration) []Span {
	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(a, b Change) int { return cmp.Compare(a.At, b.At) })
	var out []Span
	holds := map[string]int{} // the index of its open span, and one
	known := map[string]bool{}
	for _, c := range changes {
		if !known[c.Node] {
			known[c.Node], c.At = true, 0
		}
		open := holds[c.Node]
		switch {
		case c.Holds && open == 0:
			out = append(out, Span{c.Node, max(c.At, 0), end})
			holds[c.Node] = len(out)
		case !c.Holds && open > 0:
			out[open-1].To = max(c.At, 0)
			delete(holds, c.Node)
		}
	}
	return slices.DeleteFunc(out, func(s Span) bool { return s.To <= s.From })
}

// Doubt is the least by which the nodes' clocks are told apart.
const Doubt = 20 * time.Millisecond

// together is how long more than one node held the VIP.
func together(spans []Span, doubt time.Duration) time.Duration {
	var total time.Duration
	for _, s := range overlaps(spans, doubt) {
		total += s.To - s.From
	}
	return total
}

// overlaps are the times in which more than one node held the VIP; what the
// clocks cannot tell apart does not count.
func overlaps(spans []Span, doubt time.Duration) []Span {
	type edge struct {
		at   time.Duration
		more int
	}
	edges := make([]edge, 0, 2*len(spans))
	for _, s := range spans {
		edges = append(edges, edge{s.From, 1}, edge{s.To, -1})
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.more, b.more)) })
	var out []Span
	var since time.Duration
	holders := 0
	for _, e := range edges {
		if e.more > 0 && holders == 1 {
			since = e.at
		}
		if e.more < 0 && holders == 2 && e.at-since > doubt {
			out = append(out, Span{From: since, To: e.at})
		}
		holders += e.more
	}
	return out
}

// takeover finds who else got the VIP after a moment, and when; empty: nobody.
func takeover(spans []Span, target string, after, doubt time.Duration) (string, time.Duration) {
	for _, s := range spans {
		if s.Node != target && s.From > after-doubt {
			return s.Node, max(s.From-after, 0)
		}
	}
	return "", 0
}

// returned is when a node got the VIP again after a moment; 0: it did not.
func returned(spans []Span, node string, after time.Duration) time.Duration {
	for _, s := range spans {
		if s.Node == node && s.From > after {
			return s.From - after
		}
	}
	return 0
}

// holding says whether a node has the VIP at a moment.
func holding(spans []Span, node string, at time.Duration) bool {
	return slices.ContainsFunc(spans, func(s Span) bool { return s.Node == node && s.From <= at && s.To > at })
}
