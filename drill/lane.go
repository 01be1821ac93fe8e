package drill

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// The measures of a run's picture, in the units of its viewBox.
const (
	laneWidth   = 1200
	plotLeft    = 170
	plotWidth   = 1020
	plotColumns = 340 // at most; where little was sampled, each has perColumn samples or so
	perColumn   = 3
	answersTop  = 34
	answersHigh = 64
	timesTop    = answersTop + answersHigh + 10
	timesHigh   = 34
	holdersTop  = timesTop + timesHigh + 14
	holderHigh  = 18
	holderStep  = 26
)

// lane is the picture of a run, as its template draws it.
type lane struct {
	Title, Node, Verdict string
	Bad                  bool
	Details              []string
	Round                int

	Width, Height, Bottom     int
	Left, Right, LabelX       int
	AnswersMiddle             int
	TimesText                 int
	During, TickEnd, TickText int
	Struck, Mended, Span      float64
	Answered, Failed          []box
	Times                     string // the points of a polygon
	TimesTopText              string
	Outage                    *outage
	Holders                   []holderRow
	Both                      []box // two nodes hold it
	Ticks                     []tick
}

type box struct{ X, Y, W, H float64 }

type outage struct {
	box
	Text   string
	TextX  float64
	Anchor string
}

type holderRow struct {
	Node   string
	Broken bool
	Y      int
	TextY  int
	Middle int
	Spans  []box
	Note   string // in one of them
	NoteX  float64
}

type tick struct {
	X    float64
	Text string
}

// x is where a moment is in the picture.
func (r *Run) x(at time.Duration) float64 {
	return round(plotLeft + plotWidth*float64(min(max(at, 0), r.End))/float64(max(r.End, 1)))
}

func round(f float64) float64 { return math.Round(f*10) / 10 }

func (r *Run) lane() lane {
	s := r.Result()
	l := lane{
		Title: r.Fault.Title, Node: r.Node, Round: r.Round, Verdict: s.Verdict(), Bad: s.Failed > 0, Details: s.Details(),
		Width: laneWidth, Left: plotLeft, Right: plotLeft + plotWidth, LabelX: plotLeft - 12,
		AnswersMiddle: answersTop + answersHigh/2 + 5,
		TimesText:     timesTop + timesHigh/2 + 5, Struck: r.x(r.Struck),
	}
	if r.Mended > 0 {
		l.Mended = r.x(r.Mended)
	}
	columns := r.columns(min(max(len(r.Samples)/perColumn, 40), plotColumns))
	l.drawAnswers(columns)
	l.drawTimes(columns)
	l.drawOutage(r)
	for i, n := range r.Nodes {
		l.Holders = append(l.Holders, r.holderRow(n, holdersTop+i*holderStep))
	}
	l.Bottom = holdersTop + len(r.Nodes)*holderStep
	for _, s := range overlaps(r.Spans, r.Doubt) {
		l.Both = append(l.Both, box{r.x(s.From), holdersTop - 4, max(round(r.x(s.To)-r.x(s.From)), 2), float64(len(r.Nodes) * holderStep)})
	}
	l.Height = l.Bottom + 24
	l.Span, l.During, l.TickEnd, l.TickText = max(round(l.Mended-l.Struck), 0), l.Bottom-20, l.Bottom+6, l.Bottom+20
	l.drawTicks(r)
	return l
}

// drawAnswers stacks, for each column, the share that failed on the share that
// was answered. Columns that are alike become one box.
func (l *lane) drawAnswers(columns []column) {
	const steps = 8
	w := float64(plotWidth) / float64(len(columns))
	share := func(c column) int { return int(math.Round(c.answered() * steps)) }
	for i := 0; i < len(columns); {
		j := i + 1
		for j < len(columns) && share(columns[j]) == share(columns[i]) && (columns[j].asked == 0) == (columns[i].asked == 0) {
			j++
		}
		if columns[i].asked > 0 {
			x, width := round(plotLeft+float64(i)*w), round(float64(j-i)*w)
			high := round(float64(answersHigh) * float64(share(columns[i])) / steps)
			if high > 0 {
				l.Answered = append(l.Answered, box{x, answersTop + answersHigh - high, width, high})
			}
			if high < answersHigh {
				l.Failed = append(l.Failed, box{x, answersTop, width, answersHigh - high})
			}
		}
		i = j
	}
}

// drawTimes draws how long the slowest answer of each column took.
func (l *lane) drawTimes(columns []column) {
	top := 50 * time.Millisecond
	for _, c := range columns {
		top = max(top, c.slowest)
	}
	l.TimesTopText = span(top.Milliseconds())
	var b strings.Builder
	fmt.Fprintf(&b, "%d,%d", plotLeft, timesTop+timesHigh)
	w := float64(plotWidth) / float64(len(columns))
	for i, c := range columns {
		y := round(timesTop + timesHigh*(1-float64(c.slowest)/float64(top)))
		fmt.Fprintf(&b, " %g,%g", round(plotLeft+(float64(i)+0.5)*w), y)
	}
	fmt.Fprintf(&b, " %d,%d", plotLeft+plotWidth, timesTop+timesHigh)
	l.Times = b.String()
}

// drawOutage marks the longest time without an answer, if anybody noticed it.
func (l *lane) drawOutage(r *Run) {
	from, length := r.gap()
	if length.Milliseconds() <= noticeable {
		return
	}
	left, right := r.x(from), r.x(from+length)
	o := outage{box: box{left, answersTop, max(round(right-left), 2), answersHigh}, Text: span(length.Milliseconds()) + " without an answer", TextX: right + 8, Anchor: "start"}
	if right > plotLeft+plotWidth-260 {
		o.TextX, o.Anchor = left-8, "end"
	}
	l.Outage = &o
}

func (r *Run) holderRow(node string, y int) holderRow {
	row := holderRow{Node: node, Broken: node == r.Node, Y: y, TextY: y + 14, Middle: y + holderHigh/2}
	for _, s := range r.Spans {
		if s.Node == node {
			row.Spans = append(row.Spans, box{r.x(s.From), float64(y), max(round(r.x(s.To)-r.x(s.From)), 2), holderHigh})
		}
	}
	who, after := takeover(r.Spans, r.Node, r.Struck, r.Doubt)
	for _, b := range row.Spans {
		if who == node && b.X >= r.x(r.Struck) && b.W > 180 {
			row.Note, row.NoteX = "takes over after "+span(after.Milliseconds()), b.X+8
			break
		}
	}
	return row
}

// drawTicks marks the seconds since the fault.
func (l *lane) drawTicks(r *Run) {
	step := time.Second
	for r.End/step > 20 {
		step *= 2
		if step == 4*time.Second {
			step = 5 * time.Second
		}
	}
	first := -(r.Struck / step) * step
	for at := first; r.Struck+at <= r.End; at += step {
		l.Ticks = append(l.Ticks, tick{r.x(r.Struck + at), fmt.Sprintf("%d s", int(at.Seconds()))})
	}
}
