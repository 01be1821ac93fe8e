//go:build failover

package failover

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

//	BUSY_MINUTES=10                           that the nodes are kept busy
//	BUSY_LOOPS=16                             that burn processor time
//	BUSY_WRITERS=2                            that write and sync
//	BUSY_TABLE=FILE                           where the table goes, beside the log
//	FAILOVER_CONFIGURATIONS=default,pi        and FAILOVER_NAME, FAILOVER_KPLB as above

// loops only burn processor time; writers write and sync, as etcd does.
func loops() int   { return number("BUSY_LOOPS", 16) }
func writers() int { return number("BUSY_WRITERS", 2) }

// busy is what became of a configuration that nothing was wrong with, while
// its nodes had too much to do.
type busy struct {
	Configuration string    `json:"configuration"`
	Began         time.Time `json:"began"`
	Commit        string    `json:"commit"`
	Minutes       float64   `json:"minutes"`
	Loops         int       `json:"loops"`
	Writers       int       `json:"writers"`
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
