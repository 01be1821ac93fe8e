package drill

import (
	"testing"
	"time"
)

// TestGap is the longest time in which clients wait and nobody is answered.
func TestGap(t *testing.T) {
	t.Parallel()
	ok := func(at, took int) Sample { return Sample{At: ms(at), Took: ms(took)} }
	no := func(at, took int) Sample { return Sample{At: ms(at), Took: ms(took), Failure: failSilent} }
	for _, c := range []struct {
		name         string
		samples      []Sample
		from, length time.Duration
	}{
		{"all are answered at once", []Sample{ok(0, 4), ok(10, 4), ok(20, 4), ok(990, 5)}, ms(990), ms(5)},
		{"between two answers", []Sample{ok(0, 4), no(10, 50), no(20, 50), ok(30, 270), ok(995, 5)}, ms(10), ms(290)},
		{"others are answered meanwhile", []Sample{ok(0, 4), no(10, 900), ok(20, 4), ok(300, 4), ok(600, 4), ok(995, 1)}, ms(604), ms(392)},
		{"refused at once, again and again", []Sample{ok(0, 4), no(10, 1), no(110, 1), no(210, 1), ok(310, 4), ok(996, 4)}, ms(10), ms(304)},
		{"until the end", []Sample{ok(0, 4), no(100, 500), no(200, 500)}, ms(100), ms(900)},
		{"from the beginning", []Sample{no(0, 500), no(10, 500), ok(700, 4), ok(996, 4)}, 0, ms(704)},
		{"the sampler stands still", []Sample{ok(0, 4), ok(800, 4), ok(995, 2)}, 0, ms(4)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := Run{Samples: c.samples, End: time.Second}
			from, length := r.gap()
			same(t, "without an answer", length, c.length)
			if length > ms(5) {
				same(t, "from", from, c.from)
			}
		})
	}
}
