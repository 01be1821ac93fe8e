package inventory

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/source"
)

var update = flag.Bool("update", false, "rewrite the goldens")

// golden compares got with the file name, or rewrites that.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("%v (write it with -update)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// files answers the files that match pattern, of which there must be some.
func files(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("no files match %s: %v", pattern, err)
	}
	return names
}

func contents(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestParseReadsGoodFiles(t *testing.T) {
	t.Parallel()
	for _, name := range files(t, "../testdata/inventory/good/*.yaml") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			cluster, err := Parse(filepath.Base(name), contents(t, name))
			if err != nil {
				t.Fatal(err)
			}
			if cluster.Positions.Of("vip").Line == 0 {
				t.Error("the VIP has no position")
			}
			cluster.Positions = nil // they would make the goldens unreadable
			got, err := json.MarshalIndent(cluster, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(name, ".yaml")+".json", append(got, '\n'))
		})
	}
}

func TestParseRefusesBadFiles(t *testing.T) {
	t.Parallel()
	for _, name := range files(t, "../testdata/inventory/bad/*.yaml") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			_, err := Parse(filepath.Base(name), contents(t, name))
			var problems source.Problems
			ok := errors.As(err, &problems)
			if !ok {
				t.Fatalf("got error %v, want Problems", err)
			}
			golden(t, strings.TrimSuffix(name, ".yaml")+".txt", []byte(problems.Error()+"\n"))
		})
	}
}

func TestExamples(t *testing.T) {
	t.Parallel()
	for _, name := range files(t, "../examples/*.yaml") {
		if _, err := Parse(name, contents(t, name)); err != nil {
			t.Error(err)
		}
	}
}
