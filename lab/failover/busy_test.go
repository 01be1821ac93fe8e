//go:build failover

package failover

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/drill"
	"github.com/kplb/kplb/lab/machines"
)

//	BUSY_MINUTES=10                           that the nodes are kept busy
//	BUSY_TABLE=FILE                           where the table goes, beside the log
//	FAILOVER_CONFIGURATIONS=default,pi        and FAILOVER_NAME, FAILOVER_KPLB as above

const (
	loops   = 16 // that only burn processor time
	writers = 2  // that write and sync, as etcd does
)

// busy is what became of a configuration that nothing was wrong with, while
// its nodes had too much to do.
type busy struct {
	Configuration string    `json:"configuration"`
	Began         time.Time `json:"began"`
	Commit        string    `json:"commit"`
	Minutes       float64   `json:"minutes"`
	Load          string    `json:"load"` // the average of the last minute, at the end

	Changes     int            `json:"changes"` // of the holder
	Two         moments        `json:"twoHolders"`
	None        moments        `json:"noHolder"`
	Connections int            `json:"connections"`
	Failed      int            `json:"failed"`
	Failures    map[string]int `json:"failures,omitempty"`
	Silent      int64          `json:"withoutAnswer"`
	HAProxy     int            `json:"haproxyRestarts"`
	Keepalived  int            `json:"keepalivedRestarts"`
}

// moments are times in which something was so.
type moments struct {
	N     int           `json:"n"`
	Total time.Duration `json:"total"`
}

func (m *moments) add(length time.Duration, another bool) {
	m.Total += length
	if another {
		m.N++
	}
}

// TestBusy has one lab after the other.
func TestBusy(t *testing.T) {
	if os.Getenv(insideLab) != "" {
		t.Skip("this process measures")
	}
	s := newStage(t, "TestBusyInside")
	s.results += ".busy"
	for _, name := range list("FAILOVER_CONFIGURATIONS", "default,pi") {
		c, known := configurationNamed(name)
		if !known {
			t.Fatalf("configuration %q is not known; there are %s", name, allConfigurations())
		}
		inventory, ok := c.inventory(s)
		if !ok {
			continue
		}
		s.lab(cmp.Or(os.Getenv("FAILOVER_NAME"), "failover")+"-busy", func(lab machines.Lab) {
			if code := s.measure(lab, c, inventory); code != 0 {
				t.Errorf("%s: what measures it has ended with %d", c.name, code)
			}
		})
	}
	table := renderBusy(readBusy(t, s.results), commandOf("busy"))
	t.Log("\n" + table)
	if file := os.Getenv("BUSY_TABLE"); file != "" {
		if err := os.WriteFile(file, []byte(table), 0o600); err != nil {
			t.Error(err)
		}
	}
}

func readBusy(t *testing.T, file string) []busy {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	var out []busy
	for line := range bytes.Lines(data) {
		var b busy
		if err := json.Unmarshal(line, &b); err != nil {
			t.Error(err)
			continue
		}
		out = append(out, b)
	}
	return out
}

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
	b := busy{Configuration: f.c.name, Began: time.Now().UTC().Truncate(time.Second), Commit: commit(), Minutes: lasts.Minutes()}
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

// starting is which process of a unit runs, and the how manieth.
type starting struct {
	pid      string
	restarts int
}

// starts are those of both daemons on every node.
func (f *field) starts() (map[string]starting, error) {
	out := map[string]starting{}
	for _, n := range machines.Nodes {
		for _, unit := range []string{"haproxy", "keepalived"} {
			said, err := f.On(n, "systemctl show --value -p MainPID "+unit+"; systemctl show --value -p NRestarts "+unit)
			if err != nil {
				return nil, err
			}
			words := strings.Fields(said)
			if len(words) != 2 {
				return nil, fmt.Errorf("node %s: %s: systemctl says %q", n, unit, said)
			}
			out[n+" "+unit] = starting{words[0], atoi(words[1])}
		}
	}
	return out, nil
}

// work keeps the nodes busy. Each of it ends by itself after a time, whatever
// becomes of this program.
func (f *field) work(ends time.Duration) error {
	begin := func(i int, what string) error {
		_, err := f.On(machines.Nodes[i%len(machines.Nodes)], fmt.Sprintf(
			"systemd-run --quiet --collect --unit=failover-busy-%d --property=RuntimeMaxSec=%.0f /bin/sh -c '%s'", i, ends.Seconds(), what))
		return err
	}
	for i := range loops {
		if err := begin(i, "while :; do :; done"); err != nil {
			return err
		}
	}
	for i := range writers { // not on the overlay, which does not sync
		if err := begin(loops+i, "while dd if=/dev/zero of=/var/lib/etcd/failover-busy bs=8k count=1000 oflag=dsync 2>/dev/null; do :; done"); err != nil {
			return err
		}
	}
	return nil
}

// rest ends that.
func (f *field) rest(t *testing.T) {
	for _, n := range machines.Nodes {
		if _, err := f.On(n, "systemctl stop 'failover-busy-*'; rm -f /var/lib/etcd/failover-busy"); err != nil {
			t.Error(err)
		}
	}
}

// together counts the moments with more than one holder, and with none.
func together(spans []drill.Span, end time.Duration) (two, none moments) {
	type edge struct {
		at   time.Duration
		more int
	}
	edges := []edge{{end, 0}}
	for _, s := range spans {
		edges = append(edges, edge{s.From, 1}, edge{s.To, -1})
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(b.more, a.more)) })
	var last time.Duration
	holders, before := 0, 1
	for _, e := range edges {
		if length := e.at - last; length > 0 {
			switch is := min(holders, 2); is {
			case 0:
				none.add(length, is != before)
			case 2:
				two.add(length, is != before)
			}
			before = min(holders, 2)
		}
		holders += e.more
		last = e.at
	}
	return two, none
}

// renderBusy makes the table of docs/failover-busy.md.
func renderBusy(all []busy, command string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "# Takeovers that nothing was the cause of\n\nWritten by `%s`; what is measured: [failover.md](failover.md#make-busy).\n", command)
	fmt.Fprintf(&out, "%d loops that burn processor time and %d that write 8 KiB and sync, spread over the three nodes, on this machine's processors.\n\n", loops, writers)
	out.WriteString("| configuration | commit | began, UTC | minutes | load average | changes of holder | two holders | no holder | failed new connections | longest without an answer | restarts of haproxy, keepalived |\n" +
		"| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, b := range all {
		c, _ := configurationNamed(b.Configuration)
		fmt.Fprintf(&out, "| %s | %s | %s | %.0f | %s | %d | %s | %s | %d of %d | %s | %d, %d |\n", c.title, b.Commit, b.Began.Format("2006-01-02 15:04"),
			b.Minutes, b.Load, b.Changes, b.Two, b.None, b.Failed, b.Connections, time1(float64(b.Silent)), b.HAProxy, b.Keepalived)
	}
	if len(all) == 0 {
		out.WriteString("\nNothing was measured.\n")
	}
	return out.String()
}

func (m moments) String() string {
	switch m.N {
	case 0:
		return "never"
	case 1:
		return "once, " + time1(float64(m.Total.Milliseconds()))
	}
	return fmt.Sprintf("%d times, %s together", m.N, time1(float64(m.Total.Milliseconds())))
}
