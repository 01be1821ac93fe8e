//go:build failover

package failover

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/drill"
)

// What follows needs no lab.

var update = flag.Bool("update", false, "write the goldens anew")

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	same(t, path+" (-update writes it anew)", got, string(want))
}

// made are runs of every fault on kplb's default and on the guide.
func made() []*run {
	out := make([]*run, 0, 6*len(faults))
	closed, open := int64(2700), int64(20000)
	for i, f := range faults {
		for _, c := range []string{"default", "kubeadm-guide"} {
			for k := range 3 {
				r := &run{
					Configuration: c, Fault: f.name, Began: time.Date(2026, 11, 27, 20, i, k, 0, time.UTC), Commit: "1234567", Load: "2.50",
					Victim: "1", Holder: "1", WithoutAnswer: int64(100*k + 10*i), Calm: 12, Connections: 200, Failed: 10 * k, Slowest: 30,
				}
				switch f.name {
				case "keepalived-frozen":
					r.TwoHolders, r.TwoOpen = 7500, true
				case "apiserver-cut":
					r.HeldClosed = &closed
					if c == "kubeadm-guide" {
						r.HeldClosed, r.HeldOpen = &open, k > 0
					}
				case "all-apiservers-down":
					r.WithoutAnswer, r.Connections, r.Failed = 0, 0, 0
					r.Known, r.Refused = 1900, []float64{0.4, 0.5, 3.25}
				case "etcd-quorum-lost", "planned-move", "link-cut":
					r.TookOver = "2"
				}
				out = append(out, r)
			}
		}
	}
	return out
}

func TestRender(t *testing.T) {
	golden(t, "table.md", render(made(), "make drill-report", 42*time.Minute))
}

func TestRenderBusy(t *testing.T) {
	golden(t, "busy.md", renderBusy([]busy{
		{Configuration: "default", Began: time.Date(2026, 11, 27, 20, 0, 0, 0, time.UTC), Commit: "1234567", Minutes: 10, Loops: 16, Writers: 2, Load: "19.80", Connections: 3000},
		{
			Configuration: "pi", Began: time.Date(2026, 11, 27, 20, 11, 0, 0, time.UTC), Commit: "1234567", Minutes: 10, Loops: 16, Writers: 2, Load: "19.90", Connections: 3000, Failed: 7,
			Changes: 2, Two: moments{1, 31 * time.Millisecond}, None: moments{2, 1240 * time.Millisecond}, Silent: 1100, HAProxy: 1, Keepalived: 3,
		},
	}, "make busy"))
}

func TestShare(t *testing.T) {
	thirty := make([]int64, 30)
	for i := range thirty {
		thirty[i] = int64(i + 1)
	}
	for _, c := range []struct {
		all  []int64
		of   float64
		want int64
	}{{thirty, 0.5, 15}, {thirty, 0.99, 30}, {thirty, 1, 30}, {[]int64{7}, 0.5, 7}, {[]int64{7, 9}, 0.5, 7}} {
		same(t, "share", share(c.all, c.of), c.want)
	}
}

func TestParseMonitor(t *testing.T) {
	for _, c := range []struct {
		line       string
		at         time.Duration // of its day
		holds, not bool
	}{
		{`[2026-11-27T19:07:10.789219] 2: eth0    inet 10.1.233.1/32 scope global eth0\       valid_lft forever preferred_lft forever`, 68830789219 * time.Microsecond, true, false},
		{`[2026-11-27T19:07:10.995386] Deleted 2: eth0    inet 10.1.233.1/32 scope global eth0\       valid_lft forever`, 68830995386 * time.Microsecond, false, false},
		{`[2026-11-27T19:07:10.995386] 2: eth0    inet 10.1.233.11/32 scope global eth0`, 0, false, true},
		{`2: eth0    inet 10.1.233.1/32 scope global eth0`, 0, false, true},
	} {
		at, holds, ok := parseMonitor(c.line)
		same(t, c.line, ok, !c.not)
		if ok {
			same(t, c.line, []any{at.Sub(at.Truncate(24 * time.Hour)), holds}, []any{c.at, c.holds})
		}
	}
}

func TestTogether(t *testing.T) {
	s := time.Second
	for _, c := range []struct {
		name      string
		spans     []drill.Span
		two, none moments
	}{
		{"one, to the end", []drill.Span{{Node: "1", To: 10 * s}}, moments{}, moments{}},
		{"from hand to hand", []drill.Span{{Node: "1", To: 4 * s}, {Node: "2", From: 4 * s, To: 10 * s}}, moments{}, moments{}},
		{"a moment with none, and none at the end", []drill.Span{{Node: "1", To: 4 * s}, {Node: "2", From: 5 * s, To: 9 * s}}, moments{}, moments{2, 2 * s}},
		{"two, and three, are one moment", []drill.Span{{Node: "1", To: 10 * s}, {Node: "2", From: 2 * s, To: 6 * s}, {Node: "3", From: 3 * s, To: 4 * s}}, moments{1, 4 * s}, moments{}},
		{"nobody ever", nil, moments{}, moments{1, 10 * s}},
	} {
		two, none := together(c.spans, 10*s)
		same(t, c.name, []moments{two, none}, []moments{c.two, c.none})
	}
}

// TestMissing: what is there is not done again; the slow ones come last.
func TestMissing(t *testing.T) {
	t.Setenv("FAILOVER_RUNS", "3")
	t.Setenv("FAILOVER_POWER_RUNS", "2")
	t.Setenv("FAILOVER_HAND_RUNS", "1")
	t.Setenv("FAILOVER_FAULTS", "power-off,link-cut,planned-move")
	cut := &run{Configuration: "default", Fault: "link-cut"}
	there := []*run{{Configuration: "default", Fault: "planned-move"}, {Configuration: "tutorial", Fault: "planned-move"}, cut, cut, cut}
	say := func(gaps []gap) []string {
		out := make([]string, 0, len(gaps))
		for _, g := range gaps {
			out = append(out, g.String())
		}
		return out
	}
	same(t, "default", say(missing(there, "default")), []string{"planned-move 1 of 3", "power-off 0 of 2"})
	same(t, "tutorial", say(missing(there, "tutorial")), []string{"link-cut 0 of 1", "power-off 0 of 1"})
}
