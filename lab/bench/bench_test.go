//go:build bench

// Package bench measures kplb on real machines (see lab/help.txt) beside what
// else could do the same: `make bench`. What is measured how is in docs/bench.md.
package bench

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kplb/kplb/lab/machines"
)

// What the process that measures is told.
const (
	inside = "BENCH_INSIDE" // the name of the lab
	python = "BENCH_PYTHON" // a directory of Debian packages
)

// TestBench boots a lab and has this program measure in the operator's
// namespace: entering it is no part of any figure.
func TestBench(t *testing.T) {
	if os.Getenv(inside) != "" {
		t.Skip("this process measures")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	lab := machines.Lab{Name: "bench", Root: root}
	verb(t, lab, "down")
	t.Cleanup(func() { verb(t, lab, "down") })
	verb(t, lab, "up")

	// others may build bin/kplb anew meanwhile
	kplb := filepath.Join(t.TempDir(), "kplb")
	if out, err := exec.CommandContext(t.Context(), "cp", cmp.Or(os.Getenv("BENCH_KPLB"), filepath.Join(root, "bin/kplb")), kplb).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s (make build)", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := lab.Operator(t.Context(), self, "-test.run=^TestInside$", "-test.v", "-test.timeout=20m")
	cmd.Env = append(os.Environ(), inside+"="+lab.Name, "BENCH_KPLB="+kplb, python+"="+fetchPython(t))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
}

func verb(t *testing.T, lab machines.Lab, word string) {
	t.Helper()
	if _, err := lab.Verb(word); err != nil {
		t.Fatal(err)
	}
}
