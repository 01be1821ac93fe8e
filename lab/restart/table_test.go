//go:build restarts

package restart

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// figures are those of one kind of restart.
type figures struct {
	kind                  string
	first, change, remove []time.Duration
	restarts              []restart
	noticed               []*noticed
}

// What is wanted of the quick kind, by the issue that asked for it.
const (
	wantMedian = 8 * time.Second
	wantWorst  = 15 * time.Second
	wantWhole  = 45 * time.Second
)

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

func (f *figures) of(phase func(restart) time.Duration) []time.Duration {
	out := make([]time.Duration, len(f.restarts))
	for i, r := range f.restarts {
		out[i] = phase(r)
	}
	return out
}

func (f *figures) ready() []time.Duration {
	return f.of(func(r restart) time.Duration { return r.ready })
}

// judge compares with what is wanted, and tells a miss.
func (f *figures) judge(t *testing.T) {
	t.Helper()
	for _, check := range []struct {
		what      string
		got, most time.Duration
	}{
		{"one restart, median", median(f.ready()), wantMedian},
		{"one restart, worst", slices.Max(f.ready()), wantWorst},
		{"first apply, median", median(f.first), wantWhole},
		{"remove, median", median(f.remove), wantWhole},
	} {
		if check.got > check.most {
			t.Errorf("MISSED: %s: %.1f s, at most %.0f s wanted", check.what, check.got.Seconds(), check.most.Seconds())
		}
	}
	for _, n := range f.noticed {
		if no := n.failed + n.listsNo + n.noCreates + n.noApplies; no > 0 {
			t.Errorf("MISSED: %d connections or requests failed; the first: %v", no, n.first.Load())
		}
	}
}

// report prints the tables, and keeps them where RESTARTS_TABLE says.
func report(t *testing.T, all ...*figures) {
	t.Helper()
	var b strings.Builder
	b.WriteString("| restart | n | | port closed | old process gone | new process listens | /readyz 200 |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, f := range all {
		if len(f.restarts) == 0 {
			continue
		}
		for _, row := range []struct {
			name string
			take func([]time.Duration) time.Duration
		}{{"median", median}, {"worst", slices.Max[[]time.Duration]}} {
			fmt.Fprintf(&b, "| %s | %d | %s |", f.kind, len(f.restarts), row.name)
			for _, phase := range []func(restart) time.Duration{
				func(r restart) time.Duration { return r.closed }, func(r restart) time.Duration { return r.gone },
				func(r restart) time.Duration { return r.listens }, func(r restart) time.Duration { return r.ready },
			} {
				fmt.Fprintf(&b, " %.1f s |", row.take(f.of(phase)).Seconds())
			}
			b.WriteString("\n")
		}
	}
	b.WriteString("\n| restart | first apply | another exposure | remove |\n| --- | --- | --- | --- |\n")
	for _, f := range all {
		if len(f.first) > 0 {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.kind, seconds(f.first), seconds(f.change), seconds(f.remove))
		}
	}
	b.WriteString("\n| restart | restarts under load | new connections, failed | held, broken | 2 s lists, failed | creates, failed | of both, sent again | `kubectl apply` of 100, failed | watch, `logs -f` begun anew | leader elections | containers of other pods restarted |\n" +
		"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, f := range all {
		var s noticed
		for _, n := range f.noticed {
			s.made, s.failed, s.broken = s.made+n.made, s.failed+n.failed, s.broken+n.broken
			s.lists, s.listsNo, s.creates, s.noCreates = s.lists+n.lists, s.listsNo+n.listsNo, s.creates+n.creates, s.noCreates+n.noCreates
			s.retried += n.retried
			s.applies, s.noApplies, s.watches, s.streams = s.applies+n.applies, s.noApplies+n.noApplies, s.watches+n.watches, s.streams+n.streams
			s.elections, s.containers = s.elections+n.elections, s.containers+n.containers
		}
		if len(f.noticed) > 0 {
			fmt.Fprintf(&b, "| %s | %d | %d, %d | %d, %d | %d, %d | %d, %d | %d | %d, %d | %d, %d | %d | %d |\n", f.kind, 6*len(f.noticed), s.made, s.failed, held*len(f.noticed), s.broken,
				s.lists, s.listsNo, s.creates, s.noCreates, s.retried, s.applies, s.noApplies, s.watches, s.streams, s.elections, s.containers)
		}
	}
	for _, f := range all {
		for _, r := range f.restarts {
			t.Logf("%s, node %s: closed %.1f gone %.1f listens %.1f ready %.1f", f.kind, r.node, r.closed.Seconds(), r.gone.Seconds(), r.listens.Seconds(), r.ready.Seconds())
		}
		for _, n := range f.noticed {
			t.Logf("%s: the first failure: %v; %d sent again, the first after: %v", f.kind, n.first.Load(), n.retried, n.firstRetry.Load())
		}
	}
	t.Logf("\n%s", b.String())
	if file := cmp.Or(os.Getenv("RESTARTS_TABLE")); file != "" {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Error(err)
		}
	}
}

func seconds(all []time.Duration) string {
	out := make([]string, len(all))
	for i, d := range all {
		out[i] = fmt.Sprintf("%.1f", d.Seconds())
	}
	return strings.Join(out, ", ") + " s"
}
