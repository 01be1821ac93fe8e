package drill

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the goldens anew")

// golden compares with a file of testdata/drill.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("../testdata/drill", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s is not the golden; go test ./drill -update writes it anew (-want +got):\n%s", path, d)
	}
}

// same fails the test where got is not want.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// made is a run of 12 s on node-1 of three, broken after 1.5 s and put back
// after 11.5 s, in which everything was answered after 4 ms.
func made(t *testing.T, fault string) *Run {
	t.Helper()
	f, ok := Named(fault)
	if !ok {
		t.Fatalf("no fault %s", fault)
	}
	r := &Run{
		Fault: f, Node: "node-1", Nodes: []string{"node-1", "node-2", "node-3"}, Round: 1, Every: ms(10), Limit: time.Second,
		Struck: ms(1500), Mended: ms(9500), MendedBy: "the operator", Well: ms(11000), End: ms(12000), Held: 3, Doubt: Doubt,
		Spans: []Span{{"node-1", 0, ms(12000)}},
	}
	for at := ms(0); at < r.End; at += r.Every {
		r.Samples = append(r.Samples, Sample{At: at, Took: ms(4)})
	}
	return r
}

// fail has every n-th connection of a time fail.
func (r *Run) fail(from, to, n int, how string, took time.Duration) *Run {
	for i, s := range r.Samples {
		if s.At >= ms(from) && s.At < ms(to) && i%n == 0 {
			r.Samples[i].Took, r.Samples[i].Failure = took, how
		}
	}
	return r
}

// moved is a VIP that goes to node-2.
func (r *Run) moved(lost, taken int) *Run {
	r.Spans = []Span{{"node-1", 0, ms(lost)}, {"node-2", ms(taken), r.End}}
	return r
}

// drilled is a whole drill.
func drilled(t *testing.T) *Report {
	t.Helper()
	frozen := made(t, "keepalived-frozen")
	frozen.Spans = []Span{{"node-1", 0, ms(9600)}, {"node-2", ms(4600), r12}}
	cut := made(t, "apiserver-cut").fail(1500, 4100, 3, failSilent, time.Second)
	cut.Breaks = []Break{{Last: ms(1450), Noticed: ms(2650), Back: ms(2660)}}
	for i, s := range cut.Samples {
		if s.Failure == "" && s.At > ms(1500) && s.At < ms(4100) && i%7 == 0 {
			cut.Samples[i].Took = ms(504)
		}
	}
	link := made(t, "link-down").fail(1500, 4750, 1, failSilent, time.Second).moved(1510, 4700)
	link.MendedBy, link.Mended = "the node itself", ms(11500)
	link.Breaks = []Break{{ms(1400), ms(4800), ms(4820)}, {ms(1410), ms(4790), 0}}
	return &Report{
		Cluster: "home", VIP: "10.1.233.1:6443", From: "this machine", Began: time.Date(2026, 11, 25, 14, 0, 0, 0, time.UTC),
		Every: ms(10), Limit: time.Second, Proven: true,
		Runs: []*Run{
			made(t, "haproxy-killed").fail(1500, 1620, 1, failRefused, ms(1)).moved(1520, 1600),
			frozen, link, cut,
		},
	}
}

const r12 = 12 * time.Second
