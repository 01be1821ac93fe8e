package source

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzDecode wants no panic, and problems with places that exist, in the order of the file.
func FuzzDecode(f *testing.F) {
	names, err := filepath.Glob("../testdata/inventory/*/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		if data, err := os.ReadFile(name); err == nil && len(data) < 4096 {
			f.Add(string(data))
		}
	}
	f.Fuzz(func(t *testing.T, data string) {
		_, _, err := readRecipe(data)
		var problems Problems
		errors.As(err, &problems)
		lines := bytes.Count([]byte(data), []byte("\n")) + 1
		for i, p := range problems {
			if p.Line < 1 || p.Line > lines+1 || p.Column < 1 {
				t.Errorf("a file of %d lines has a problem at %v", lines, p.Position)
			}
			if i > 0 && p.Line < problems[i-1].Line {
				t.Errorf("%v comes after %v", p, problems[i-1])
			}
			if strings.Contains(p.What, "makes the YAML reader fail") {
				t.Error("the YAML library panics")
			}
		}
		_ = problems.Excerpt([]byte(data))
	})
}
