package report

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/render"
)

// TestWriteTree: in the order of the paths, an empty line between two files.
func TestWriteTree(t *testing.T) {
	t.Parallel()
	tree := render.Tree{"b/etc/x": {Content: []byte("x\n")}, "a/etc/y": {Content: []byte("y\n")}}
	var out strings.Builder
	if err := WriteTree(&out, tree); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff("==> a/etc/y <==\ny\n\n==> b/etc/x <==\nx\n", out.String()); d != "" {
		t.Error(d)
	}
	r, w := io.Pipe()
	_ = r.Close()
	if err := WriteTree(w, tree); err == nil {
		t.Error("what nobody reads was written")
	}
}
