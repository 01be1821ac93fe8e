package drill

import "time"

// Result is a run in numbers, of what came after the fault. Times are in
// milliseconds; moments count from the fault.
type Result struct {
	Fault string `json:"fault"`
	Node  string `json:"node"`
	Round int    `json:"round"`
	Held  bool   `json:"nodeHeldVIP"` // before

	WithoutAnswer int64          `json:"withoutAnswerMilliseconds"` // the longest time in which clients waited in vain
	Calm          int64          `json:"beforeMilliseconds"`        // the same before the fault: what the figures are worth
	Connections   int            `json:"connections"`
	Failed        int            `json:"failed"`
	Failures      map[string]int `json:"failures,omitempty"` // how
	Slowest       int64          `json:"slowestMilliseconds"`
	Stalled       int64          `json:"samplerStalledMilliseconds"` // the longest time in which none was begun

	HeldConnections int   `json:"heldConnections"`
	Broken          int   `json:"heldBroken"`
	NotBack         int   `json:"heldNotBack"` // of them, at the end
	Noticed         int64 `json:"heldNoticedMilliseconds"`
	AnsweredAgain   int64 `json:"heldAnsweredAgainMilliseconds"`

	TookOver   string `json:"tookOver,omitempty"`
	Takeover   int64  `json:"tookOverMilliseconds,omitempty"`
	Back       int64  `json:"heldAgainMilliseconds,omitempty"` // the broken node; 0: it does not hold the VIP again
	TwoHolders int64  `json:"twoHoldersMilliseconds"`

	Mended   int64  `json:"mendedMilliseconds"`
	MendedBy string `json:"mendedBy"`
	Well     int64  `json:"wellMilliseconds"`      // until everything was proven again; 0: it was not
	Stopped  bool   `json:"interrupted,omitempty"` // the drill was interrupted before that

	Holders []Holding `json:"holders"`                 // since the run began
	Doubt   int64     `json:"clocksDoubtMilliseconds"` // how well the nodes' clocks are known; what is shorter does not count
	Struck  int64     `json:"struckAtMilliseconds"`    // likewise
	Blind   []string  `json:"blind,omitempty"`         // nodes whose record of the VIP was lost
}

// Holding is a time in which a node held the VIP.
type Holding struct {
	Node string `json:"node"`
	From int64  `json:"fromMilliseconds"`
	To   int64  `json:"toMilliseconds"`
}

// Result counts what was seen.
func (r *Run) Result() Result {
	_, gap := r.gap()
	failed, why := r.failures()
	broken, lost, noticed, back := r.held()
	who, after := takeover(r.Spans, r.Node, r.Struck, r.Doubt)
	out := Result{
		Fault: r.Fault.Name, Node: r.Node, Round: r.Round, Held: holding(r.Spans, r.Node, r.Struck-r.Doubt),
		WithoutAnswer: gap.Milliseconds(), Calm: r.calm().Milliseconds(), Connections: len(r.affected()), Failed: failed, Failures: why,
		Slowest: r.slowest().Milliseconds(), Stalled: r.stall().Milliseconds(),
		HeldConnections: r.Held, Broken: broken, NotBack: lost, Noticed: noticed.Milliseconds(), AnsweredAgain: back.Milliseconds(),
		TookOver: who, Takeover: after.Milliseconds(), Back: returned(r.Spans, r.Node, r.Struck).Milliseconds(),
		TwoHolders: together(r.Spans, r.Doubt).Milliseconds(),
		Mended:     since(r.Mended, r.Struck), MendedBy: r.MendedBy, Well: since(r.Well, r.Struck), Stopped: r.Stopped,
		Holders: []Holding{}, Doubt: r.Doubt.Milliseconds(), Struck: r.Struck.Milliseconds(), Blind: r.Blind,
	}
	for _, s := range r.Spans {
		out.Holders = append(out.Holders, Holding{s.Node, s.From.Milliseconds(), s.To.Milliseconds()})
	}
	return out
}

// since is how long after the fault something was; 0: never.
func since(at, struck time.Duration) int64 {
	if at == 0 {
		return 0
	}
	return max((at - struck).Milliseconds(), 1)
}
