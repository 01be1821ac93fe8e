//go:build failover

package failover

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/drill"
	"github.com/kplb/kplb/lab/machines"
)

// TestBusyInside counts what happens while the nodes are busy.
func TestBusyInside(t *testing.T) {
	lab, c := theLab(t)
	f, err := newField(lab, c)
	if err == nil {
		err = f.setUp(os.Getenv(insideMust))
	}
	if err == nil {
		err = f.awaitWell()
	}
	if err != nil {
		t.Fatal(err)
	}
	lasts := time.Duration(number("BUSY_MINUTES", 10)) * time.Minute
	before, err := f.starts()
	if err != nil {
		t.Fatal(err)
	}
	defer f.rest(t)
	if err := f.work(lasts + time.Minute); err != nil {
		t.Fatal(err)
	}
	b := f.watched(lasts)
	after, err := f.starts()
	if err != nil {
		t.Fatal(err)
	}
	for unit, count := range after {
		switch {
		case count == before[unit]:
		case strings.HasSuffix(unit, "haproxy"):
			b.HAProxy += count.restarts - before[unit].restarts
		default:
			b.Keepalived += count.restarts - before[unit].restarts
		}
		if count.restarts == before[unit].restarts && count.pid != before[unit].pid {
			t.Errorf("%s: another process (%s, and %s before), which systemd did not restart", unit, count.pid, before[unit].pid)
		}
	}
	t.Logf("%+v", b)
	line, err := json.Marshal(b)
	if err == nil {
		err = appendLine(os.Getenv("FAILOVER_RESULTS"), line)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// watched samples the VIP, and the holders, for a time.
func (f *field) watched(lasts time.Duration) busy {
	b := busy{Configuration: f.c.name, Began: time.Now().UTC().Truncate(time.Second), Commit: commit(), Minutes: lasts.Minutes(), Loops: loops(), Writers: writers()}
	g := f.sampler(200 * time.Millisecond).Start(noContext)
	time.Sleep(lasts)
	b.Load = load()
	end := g.Since()
	samples, _ := g.Stop()
	changes := f.holders.during(g.Began)
	for _, c := range changes {
		if c.At > 0 && c.At < end && c.Holds {
			b.Changes++
		}
	}
	b.Two, b.None = together(drill.Spans(changes, end), end)
	seen := drill.Run{Nodes: machines.Nodes, Every: 200 * time.Millisecond, Limit: time.Second, End: end, Samples: samples}
	r := seen.Result()
	b.Connections, b.Failed, b.Failures, b.Silent = r.Connections, r.Failed, r.Failures, r.WithoutAnswer
	return b
}
