package drill

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"
)

// wide is how many characters a timeline has.
const wide = 72

// WriteText writes a timeline of every run, and a table of all of them.
func (r *Report) WriteText(out io.Writer) error {
	fmt.Fprintf(out, "%s, asked every %s from %s\n%s; ━ holds the VIP\n\n", r.VIP, span(r.Every.Milliseconds()), r.From, legend)
	for _, run := range r.Runs {
		if _, err := io.WriteString(out, run.text()+"\n"); err != nil {
			return err
		}
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FAULT\tNODE\tNO ANSWER\tFAILED\tSLOWEST\tTOOK OVER\tAFTER\tBACK\tTWO HOLDERS\tWELL AFTER")
	for _, run := range r.Runs {
		s := run.Result()
		fmt.Fprintf(w, "%s\t%s\t%s\t%d of %d\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Fault, s.Node, span(s.WithoutAnswer), s.Failed, s.Connections,
			span(s.Slowest), orDash(s.TookOver), spanOrDash(s.Takeover, s.TookOver != ""), spanOrDash(s.Back, s.Back > 0),
			spanOrDash(s.TwoHolders, s.TwoHolders > 0), spanOrDash(s.Well, s.Well > 0))
	}
	return w.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func spanOrDash(ms int64, known bool) string {
	if !known {
		return "-"
	}
	return span(ms)
}

// text is the timeline of one run: a line of answers, a line for each holder.
func (r *Run) text() string {
	s := r.Result()
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s\n", r.Fault.Title, r.Node)
	label := utf8.RuneCountInString("new connections")
	for _, n := range r.Nodes {
		label = max(label, utf8.RuneCountInString(n))
	}
	line := func(name, bar string) { fmt.Fprintf(&b, "  %-*s  %s\n", label, name, strings.TrimRight(bar, " ")) }
	line("", r.markLine())
	line("new connections", r.answerLine())
	for _, n := range r.Nodes {
		if slices.ContainsFunc(r.Spans, func(s Span) bool { return s.Node == n }) {
			line(n, r.holderLine(n))
		}
	}
	line("", r.scaleLine())
	fmt.Fprintf(&b, "  %s\n", s.Verdict())
	for _, d := range s.Details() {
		fmt.Fprintf(&b, "  %s\n", d)
	}
	return b.String()
}

// legend explains answerLine.
const legend = "· every new connection answered, ▒ some, █ none"

func (r *Run) answerLine() string {
	var b strings.Builder
	for _, c := range r.columns(wide) {
		switch {
		case c.asked == 0:
			b.WriteByte(' ')
		case c.failed == 0:
			b.WriteRune('·')
		case c.failed < c.asked:
			b.WriteRune('▒')
		default:
			b.WriteRune('█')
		}
	}
	return b.String()
}

func (r *Run) holderLine(node string) string {
	bar := []rune(strings.Repeat(" ", wide))
	for _, s := range r.Spans {
		if s.Node == node {
			for i := r.column(s.From, wide); i <= r.column(s.To-1, wide); i++ {
				bar[i] = '━'
			}
		}
	}
	return string(bar)
}

// markLine says where the node was broken, and put back.
func (r *Run) markLine() string {
	bar := []byte(strings.Repeat(" ", wide+12))
	put := func(at time.Duration, text string) { copy(bar[r.column(at, wide):], text) }
	if r.Mended > 0 {
		put(r.Mended, "|put back")
	}
	put(r.Struck, "|broken")
	return string(bar)
}

// scaleLine has the seconds since the fault, where there is room.
func (r *Run) scaleLine() string {
	bar := []byte(strings.Repeat(" ", wide+8))
	free := 0
	for at := -r.Struck.Truncate(time.Second); r.Struck+at <= r.End; at += time.Second {
		i := r.column(r.Struck+at, wide)
		if text := fmt.Sprintf("%ds", int(at.Seconds())); i >= free {
			copy(bar[i:], text)
			free = i + max(len(text)+2, 6)
		}
	}
	return string(bar)
}
