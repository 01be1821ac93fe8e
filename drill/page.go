package drill

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
)

//go:embed page.html.tmpl
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// page is what the template of the page takes.
type page struct {
	Cluster, VIP, From, Began string
	Every, Limit              string
	Tiles                     []tile
	Rows                      []row
	Lanes                     []lane
}

// tile is one figure that counts.
type tile struct {
	Figure, Text string
	Bad          bool
}

type row struct {
	Result
	Title                                 string
	Gap, Slow, After, Back, Two, WellText string
	GapBad                                bool
	GapShare                              int // of the longest, in percent
}

// WriteHTML writes a page that stands for itself: no script, nothing from
// elsewhere, readable in light and dark.
func (r *Report) WriteHTML(out io.Writer) error {
	s := r.Summary()
	p := page{
		Cluster: r.Cluster, VIP: r.VIP, From: r.From, Began: s.Began.Format("2 January 2006, 15:04 MST"),
		Every: span(s.Every), Limit: span(s.Limit), Tiles: tiles(s),
	}
	longest := int64(1)
	for _, f := range s.Results {
		longest = max(longest, f.WithoutAnswer)
	}
	for i, f := range s.Results {
		p.Rows = append(p.Rows, row{
			Result: f, Title: r.Runs[i].Fault.Title, Gap: span(f.WithoutAnswer), Slow: span(f.Slowest),
			After: spanOrDash(f.Takeover, f.TookOver != ""), Back: spanOrDash(f.Back, f.Back > 0), Two: spanOrDash(f.TwoHolders, f.TwoHolders > 0),
			WellText: spanOrDash(f.Well, f.Well > 0), GapBad: f.WithoutAnswer > noticeable, GapShare: int(100 * f.WithoutAnswer / longest),
		})
		p.Lanes = append(p.Lanes, r.Runs[i].lane())
	}
	var b strings.Builder
	if err := pageTemplate.Execute(&b, p); err != nil {
		return err
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// tiles are the figures for whoever reads nothing else.
func tiles(s Summary) []tile {
	var gap, two int64
	where, failed, all := "", 0, 0
	for _, f := range s.Results {
		if f.WithoutAnswer > gap {
			gap, where = f.WithoutAnswer, f.Fault
		}
		two = max(two, f.TwoHolders)
		failed, all = failed+f.Failed, all+f.Connections
	}
	both, proven := "never", "no"
	if two > 0 {
		both = span(two)
	}
	if s.Proven {
		proven = "yes"
	}
	out := []tile{
		{span(gap), "longest time without an answer" + strings.TrimSuffix(": "+where, ": "), gap > noticeable},
		{strconv.Itoa(failed), fmt.Sprintf("of %d new connections failed", all), failed > 0},
		{both, "two nodes held the VIP at once", two > 0},
		{proven, "everything proven again afterwards", !s.Proven},
	}
	return out
}
