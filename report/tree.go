package report

import (
	"fmt"
	"io"

	"github.com/kplb/kplb/render"
)

// WriteTree writes the files one after the other, each below its path.
func WriteTree(out io.Writer, tree render.Tree) error {
	for i, p := range tree.Paths() {
		sep := "\n"
		if i == 0 {
			sep = ""
		}
		if _, err := fmt.Fprintf(out, "%s==> %s <==\n%s", sep, p, tree[p].Content); err != nil {
			return err
		}
	}
	return nil
}
