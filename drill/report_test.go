package drill

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestGoldens shows a drill in all three forms.
func TestGoldens(t *testing.T) {
	t.Parallel()
	r := drilled(t)
	var text, page bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	golden(t, "drill.txt", text.Bytes())
	if err := r.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	golden(t, "drill.html", page.Bytes())
	data, err := json.MarshalIndent(r.Summary(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "drill.json", append(data, '\n'))
	back, err := ParseSummary(data)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "what is read back", *back, r.Summary())
}

// TestPageStandsForItself: nothing comes from elsewhere, and a node's name is
// text.
func TestPageStandsForItself(t *testing.T) {
	t.Parallel()
	r := drilled(t)
	r.Cluster = `<script>alert(1)</script>`
	r.Runs[0].Node = `"><img src=x>`
	var b bytes.Buffer
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, forbidden := range []string{"<script", "<img", "<link", "@import", "url(", "xlink"} {
		if strings.Contains(page, forbidden) {
			t.Errorf("the page has %s", forbidden)
		}
	}
	for _, address := range regexp.MustCompile(`https?://[^ <"]*`).FindAllString(page, -1) {
		if address != "https://10.1.233.1:6443" {
			t.Errorf("the page has the address %s", address)
		}
	}
	if !strings.Contains(page, "prefers-color-scheme: dark") {
		t.Error("the page has no dark colours")
	}
	if n := len(page); n > 200_000 {
		t.Errorf("%d bytes for %d runs", n, len(r.Runs))
	}
}

func TestResult(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		run     *Run
		verdict string
		details []string
	}{
		{
			"nobody notices", made(t, "keepalived-killed"),
			"every one of 1052 new connections was answered, the slowest after 4 ms",
			[]string{"the VIP stayed where it was", "no held connection of 3 broke", "put back after 8.00 s by the operator", "all proven again after 9.50 s"},
		},
		{
			"the VIP moves", made(t, "haproxy-killed").fail(1500, 1800, 1, failRefused, ms(1)).moved(1510, 1700),
			"304 ms without an answer, 30 of 1052 new connections failed (refused)",
			[]string{"node-2 took the VIP over after 200 ms", "no held connection of 3 broke", "put back after 8.00 s by the operator", "all proven again after 9.50 s"},
		},
		{
			"every third fails", made(t, "apiserver-cut").fail(1500, 3000, 3, failSilent, time.Second),
			"50 of 1052 new connections failed (no answer), but there was always one that was answered",
			[]string{"the VIP stayed where it was", "no held connection of 3 broke", "put back after 8.00 s by the operator", "all proven again after 9.50 s"},
		},
		{
			"two hold it", func() *Run {
				r := made(t, "keepalived-frozen").fail(1500, 1600, 1, failReset, ms(1)).fail(1600, 1650, 1, failSilent, time.Second)
				r.Spans = []Span{{"node-1", 0, ms(9600)}, {"node-2", ms(5000), ms(9700)}, {"node-1", ms(10000), ms(12000)}}
				r.Mended, r.Well, r.Blind = 0, 0, []string{"node-3"}
				return r
			}(),
			"154 ms without an answer, 15 of 1052 new connections failed (10 reset, 5 no answer)",
			[]string{
				"node-2 took the VIP over after 3.50 s", "node-1 holds it again after 8.50 s", "two nodes held it for 4.60 s", "no held connection of 3 broke",
				"NOT proven again", "node-3 kept no record of the VIP",
			},
		},
		{
			"the drill is interrupted", func() *Run {
				r := made(t, "keepalived-killed")
				r.Well, r.Stopped = 0, true
				return r
			}(),
			"every one of 1052 new connections was answered, the slowest after 4 ms",
			[]string{"the VIP stayed where it was", "no held connection of 3 broke", "put back after 8.00 s by the operator", "not checked again (interrupted)"},
		},
		{
			"the sampler stands still, another node is broken, and held connections break", func() *Run {
				r := made(t, "haproxy-stopped")
				r.Node, r.Samples = "node-3", r.Samples[50:]
				r.Breaks = []Break{{ms(1000), ms(1200), ms(1250)}, {ms(1000), ms(2000), 0}}
				return r
			}(),
			"every one of 1052 new connections was answered, the slowest after 4 ms",
			[]string{
				"the broken node did not hold the VIP",
				"held connections broke 2 times (of 3): noticed after 1.00 s at most, answered again after 11.00 s, 1 not at all",
				"put back after 8.00 s by the operator", "all proven again after 9.50 s",
				"the machines are busy: without an answer for 4 ms before anything was broken, and the clients began no connection for 500 ms; no figure is better than that",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.run.Result()
			same(t, "verdict", s.Verdict(), c.verdict)
			same(t, "details", s.Details(), c.details)
		})
	}
}

// TestNobodyIsAnswered until the end.
func TestNobodyIsAnswered(t *testing.T) {
	t.Parallel()
	r := made(t, "link-down").fail(0, 12000, 1, failSilent, time.Second)
	same(t, "without an answer", r.Result().WithoutAnswer, int64(12000-1480))
	same(t, "before", r.Result().Calm, int64(1480))
	r.Samples = nil
	same(t, "nobody asks", r.Result().WithoutAnswer, int64(0))
	_ = r.lane() // does not divide by zero
	_ = (&Run{}).lane()
}
