package drill

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// floor is what two runs of the same configuration may differ by, in
// milliseconds, however small the figures are: an election, and the clocks.
const floor = 100

// ParseSummary reads what `kplb drill -o json` wrote.
func ParseSummary(data []byte) (*Summary, error) {
	var s Summary
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("is not the output of `kplb drill -o json`: %w", err)
	}
	if len(s.Results) == 0 || s.Every <= 0 {
		return nil, errors.New("is not the output of `kplb drill -o json`: it has no faults, or no everyMilliseconds")
	}
	return &s, nil
}

// Regressions compares a drill with an earlier one, fault by fault. Of several
// rounds the median counts. A figure is worse if it is more than the earlier
// one by the tolerance (0.25: a quarter) and by 100 ms. Without an earlier
// figure there is nothing to compare.
func Regressions(base, now Summary, tolerance float64) []string {
	var out []string
	for _, fault := range faults {
		before, after := of(base, fault.Name), of(now, fault.Name)
		if len(before) == 0 || len(after) == 0 {
			continue
		}
		for _, f := range figures {
			was, is := median(before, base.Every, f.value), median(after, now.Every, f.value)
			if is > was+floor && float64(is) > float64(was)*(1+tolerance) {
				out = append(out, fmt.Sprintf("%s: %s: %d ms, and %d ms in the baseline", fault.Name, f.name, is, was))
			}
		}
	}
	return out
}

// figures are what is compared. Failed connections are counted by the time
// between them, or a drill that asks more often would have more.
var figures = []struct {
	name  string
	value func(r Result, every int64) int64
}{
	{"without an answer", func(r Result, _ int64) int64 { return r.WithoutAnswer }},
	{"time in which new connections failed", func(r Result, every int64) int64 { return int64(r.Failed) * every }},
	{"a held connection is answered again", func(r Result, _ int64) int64 { return r.AnsweredAgain }},
	{"two holders of the VIP", func(r Result, _ int64) int64 { return r.TwoHolders }},
}

func of(s Summary, fault string) []Result {
	return slices.DeleteFunc(slices.Clone(s.Results), func(r Result) bool { return r.Fault != fault })
}

func median(all []Result, every int64, value func(Result, int64) int64) int64 {
	values := make([]int64, len(all))
	for i, r := range all {
		values[i] = value(r, every)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
