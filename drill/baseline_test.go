package drill

import "testing"

// TestRegressions compares two drills.
func TestRegressions(t *testing.T) {
	t.Parallel()
	drill := func(every int64, all ...Result) Summary { return Summary{Every: every, Results: all} }
	killed := func(gap int64, failed int) Result {
		return Result{Fault: "haproxy-killed", WithoutAnswer: gap, Failed: failed}
	}
	for _, c := range []struct {
		name      string
		base, now Summary
		worse     []string
	}{
		{"the same", drill(10, killed(400, 30)), drill(10, killed(400, 30)), nil},
		{"better", drill(10, killed(400, 30)), drill(10, killed(40, 0)), nil},
		{"a little more than a small figure", drill(10, killed(40, 0)), drill(10, killed(139, 5)), nil},
		{"within the tolerance of a large one", drill(10, killed(4000, 0)), drill(10, killed(4999, 0)), nil},
		{
			"worse", drill(10, killed(400, 30)), drill(10, killed(501, 60)),
			[]string{"haproxy-killed: without an answer: 501 ms, and 400 ms in the baseline", "haproxy-killed: time in which new connections failed: 600 ms, and 300 ms in the baseline"},
		},
		{"asked twice as often", drill(10, killed(400, 30)), drill(5, killed(400, 60)), nil},
		{
			"two holders, and a held connection", drill(10, Result{Fault: "keepalived-frozen"}), drill(10, Result{Fault: "keepalived-frozen", TwoHolders: 5000, AnsweredAgain: 900}),
			[]string{"keepalived-frozen: a held connection is answered again: 900 ms, and 0 ms in the baseline", "keepalived-frozen: two holders of the VIP: 5000 ms, and 0 ms in the baseline"},
		},
		{"the median of several rounds", drill(10, killed(400, 0)), drill(10, killed(420, 0), killed(4000, 0), killed(390, 0)), nil},
		{"a fault that the other does not have", drill(10, killed(400, 0)), drill(10, Result{Fault: "link-down", WithoutAnswer: 9000}), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			same(t, "worse", Regressions(c.base, c.now, 0.25), c.worse)
		})
	}
}

func TestParseSummary(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, says string }{
		{"a drill", `{"everyMilliseconds": 10, "faults": [{"fault": "link-down"}]}`, ""},
		{"no JSON", `drill`, "is not the output of `kplb drill -o json`: invalid character 'd' looking for beginning of value"},
		{"another JSON", `{"ok": true}`, "is not the output of `kplb drill -o json`: it has no faults, or no everyMilliseconds"},
	} {
		_, err := ParseSummary([]byte(c.text))
		got := ""
		if err != nil {
			got = err.Error()
		}
		same(t, c.name, got, c.says)
	}
}
