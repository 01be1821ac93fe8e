package templates

import (
	"bytes"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBuiltin: what is embedded is what is here, each file with a place for
// its stamp among the first two lines, where a person sees it; JSON has no
// comments, and none.
func TestBuiltin(t *testing.T) {
	t.Parallel()
	here, err := fs.Glob(os.DirFS("."), "*.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	embedded, err := fs.Glob(Builtin(), "*")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(here, embedded); d != "" || len(embedded) == 0 {
		t.Errorf("templates (-here +embedded):\n%s", d)
	}
	for _, name := range embedded {
		content, err := fs.ReadFile(Builtin(), name)
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.SplitN(content, []byte("\n"), 3)
		if json := strings.HasSuffix(name, ".json.tmpl"); !json && (len(lines) < 3 || string(lines[0]) != "{{ .Stamp }}" && string(lines[1]) != "{{ .Stamp }}") {
			t.Errorf("%s does not begin with {{ .Stamp }}", name)
		}
		if bytes.ContainsAny(content, "\r\t") || !bytes.HasSuffix(content, []byte("\n")) {
			t.Errorf("%s has tabs or carriage returns, or does not end in a newline", name)
		}
	}
}
