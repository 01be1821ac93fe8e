package inventory

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/source"
)

// FuzzParse wants no panic and no long wait, problems with places that exist,
// and clusters that are harmless.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"../examples/*.yaml", "../testdata/inventory/*/*.yaml"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			if len(data) < 4096 {
				f.Add(data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		start := time.Now()
		cluster, err := Parse("f", data)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		if err == nil {
			checkInert(t, "fuzz", "", cluster)
			sameAgain(t, "fuzz", cluster)
			if cluster.Positions.Of("").Line < 1 {
				t.Error("the cluster has no position")
			}
			return
		}
		checkRefusal(t, "fuzz", "", err, 0)
		var problems source.Problems
		errors.As(err, &problems)
		lines := bytes.Count(data, []byte("\n")) + 1
		for i, p := range problems {
			if p.Line > lines+1 {
				t.Errorf("a file of %d lines has a problem at %v", lines, p.Position)
			}
			if i > 0 && p.Line < problems[i-1].Line {
				t.Errorf("%v comes after %v", p, problems[i-1])
			}
			if strings.Contains(p.What, "makes the YAML reader fail") {
				t.Errorf("the YAML library panics")
			}
		}
		_ = problems.Excerpt(data)
	})
}
