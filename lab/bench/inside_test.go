//go:build bench

package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

// bench is the lab as the process that measures sees it.
type bench struct {
	machines.Lab
	t     *testing.T
	kplb  string
	dir   string
	old   string // directories of templates: five files differ
	young string
	files string // that the plain rows read
	table table

	cpu    []time.Duration // of kplb, with nothing to do
	memory int64           // KiB, likewise

	pressure string // when the rounds had ended
}

const vip = "10.1.233.1"

// TestInside measures. Every round has one run of every kind, so that what
// else this machine does hits all of them alike.
func TestInside(t *testing.T) {
	name := os.Getenv(inside)
	if name == "" {
		t.Skip("run TestBench")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{Lab: machines.Lab{Name: name, Root: root}, t: t, kplb: os.Getenv("BENCH_KPLB"), dir: t.TempDir()}
	b.old, b.young = b.templates("old"), b.templates("young")
	b.prepare()
	b.files = b.wanted()
	ansible := b.newAnsible()
	began := time.Now()
	for i := range rounds() {
		b.nothing()
		b.library()
		b.openssh()
		if ansible != nil && time.Since(began) < patience {
			ansible.round()
		} else {
			b.apply("", b.young)
		}
		b.change()
		t.Logf("round %d of %d", i+1, rounds())
	}
	b.pressure = pressure()
	b.roundTrips()
	b.hundred()
	b.judge(ansible != nil)
	b.publish()
}

// patience is how long Ansible takes part: the table says how often it did.
const patience = 7 * time.Minute

// rounds is how often everything is measured.
func rounds() int {
	if n, err := strconv.Atoi(os.Getenv("BENCH_ROUNDS")); err == nil && n > 0 {
		return n
	}
	return 20
}

// prepare brings the nodes to the old files, with a second apply to have a
// generation of each kind.
func (b *bench) prepare() {
	b.apply("", b.young)
	b.apply("", b.old)
}

// publish prints the table, and writes it to the file that is asked for.
func (b *bench) publish() {
	text := b.table.String()
	fmt.Printf("\n%s\n", text)
	if file := os.Getenv("BENCH_TABLE"); file != "" {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			b.t.Error(err)
		}
	}
}
