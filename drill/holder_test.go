package drill

import (
	"testing"
	"time"
)

// TestSpans makes whole times out of what nodes write down.
func TestSpans(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		changes  []Change
		spans    []Span
		together time.Duration
	}{
		{"nothing", nil, nil, 0},
		{
			"one holds it, the others never did",
			[]Change{{"a", -ms(5), true}, {"b", -ms(3), false}, {"c", -ms(2), false}},
			[]Span{{"a", 0, ms(1000)}}, 0,
		},
		{
			"one whose first word comes late has held it before",
			[]Change{{"a", ms(80), true}, {"b", ms(90), false}},
			[]Span{{"a", 0, ms(1000)}}, 0,
		},
		{
			"it moves, with a hole between",
			[]Change{{"a", -ms(5), true}, {"a", ms(300), false}, {"b", -ms(3), false}, {"b", ms(500), true}},
			[]Span{{"a", 0, ms(300)}, {"b", ms(500), ms(1000)}}, 0,
		},
		{
			"what the clocks cannot tell apart is no overlap",
			[]Change{{"a", 0, true}, {"b", 0, false}, {"a", ms(310), false}, {"b", ms(300), true}},
			[]Span{{"a", 0, ms(310)}, {"b", ms(300), ms(1000)}}, 0,
		},
		{
			"two hold it, twice, and three for a while",
			[]Change{{"a", 0, true}, {"b", 0, false}, {"c", 0, false}, {"b", ms(100), true}, {"c", ms(150), true}, {"c", ms(180), false}, {"b", ms(200), false}, {"b", ms(400), true}, {"a", ms(500), false}},
			[]Span{{"a", 0, ms(500)}, {"b", ms(100), ms(200)}, {"c", ms(150), ms(180)}, {"b", ms(400), ms(1000)}}, ms(200),
		},
		{
			"words that come twice, and before the run",
			[]Change{{"a", -ms(50), true}, {"a", -ms(20), false}, {"a", ms(10), false}, {"a", ms(20), true}, {"a", ms(30), true}},
			[]Span{{"a", ms(20), ms(1000)}}, 0,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			spans := Spans(c.changes, ms(1000))
			if len(spans) != 0 || len(c.spans) != 0 {
				same(t, "spans", spans, c.spans)
			}
			same(t, "together", together(spans, Doubt), c.together)
		})
	}
}
