package cmd

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/rollout/rollouttest"
)

const homeInventory = `apiVersion: kplb/v1alpha1
kind: Cluster
name: home
vip: 10.1.233.1
nodes:
  - {name: node-1, address: 10.1.1.1}
  - {name: node-2, address: 10.1.1.2}
  - {name: node-3, address: 10.1.1.3}
`

// desk is an operator with an inventory and a cluster in memory. Commands run in
// this process.
type desk struct {
	*rollouttest.Cluster
	t    *testing.T
	file string // the inventory
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	return newDeskWith(t, homeInventory)
}

// newDeskWith has the machines of another inventory, too.
func newDeskWith(t *testing.T, machines string) *desk {
	t.Helper()
	d := &desk{t: t, file: filepath.Join(t.TempDir(), "cluster.yaml")}
	d.write(homeInventory)
	c, err := inventory.Parse(d.file, []byte(machines))
	if err != nil {
		t.Fatal(err)
	}
	d.Cluster = rollouttest.New(t, c)
	return d
}

// write replaces the inventory.
func (d *desk) write(text string) {
	d.t.Helper()
	if err := os.WriteFile(d.file, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// outcome is how a command ended.
type outcome struct {
	t              *testing.T
	what           string
	code           int
	stdout, stderr string
}

// kplb runs a command with the inventory, and nothing to read.
func (d *desk) kplb(args ...string) outcome {
	d.t.Helper()
	return d.kplbReading("", args...)
}

func (d *desk) kplbReading(stdin string, args ...string) outcome {
	d.t.Helper()
	return d.kplbIn(d.t.Context(), strings.NewReader(stdin), args...)
}

func (d *desk) kplbIn(ctx context.Context, stdin io.Reader, args ...string) outcome {
	d.t.Helper()
	var out, diagnostics bytes.Buffer
	if !strings.HasSuffix(args[len(args)-1], ".json") || args[0] != "apply" {
		args = append(args, "--inventory", d.file)
	}
	code := run(ctx, args, d.streams(stdin, &out, &diagnostics))
	return outcome{d.t, strings.Join(args, " "), code, out.String(), diagnostics.String()}
}

// streams are those of a command that reaches the cluster in memory.
func (d *desk) streams(stdin io.Reader, out, diagnostics io.Writer) streams {
	return streams{in: stdin, out: out, err: diagnostics, machines: machines{
		dial: func(ctx context.Context, n inventory.Node) (node.Host, error) {
			h, err := d.Dial(ctx, n)
			if err != nil {
				return nil, err
			}
			return h, nil
		},
		network: d.DialOperator,
	}}
}

// ends fails the test unless the command has this exit code, and has said every
// one of the texts, on either stream.
func (o outcome) ends(code int, texts ...string) outcome {
	o.t.Helper()
	if o.code != code {
		o.t.Fatalf("kplb %s: exit code %d, want %d\n%s", o.what, o.code, code, o.end())
	}
	for _, text := range texts {
		if !strings.Contains(o.stdout+o.stderr, text) {
			o.t.Errorf("kplb %s does not say %q\n%s", o.what, text, o.end())
		}
	}
	return o
}

// end is what was said last: diffs are long.
func (o outcome) end() string {
	lines := strings.Split(o.stdout, "\n")
	return "stdout:\n" + strings.Join(lines[max(0, len(lines)-20):], "\n") + "stderr:\n" + o.stderr
}

// says compares both streams, to the letter but for what is of this run alone.
func (o outcome) says(code int, stdout, stderr string) outcome {
	o.t.Helper()
	o.ends(code)
	same(o.t, "kplb "+o.what+": stdout", thisRun.ReplaceAllString(o.stdout, "ME"), stdout)
	same(o.t, "kplb "+o.what+": stderr", thisRun.ReplaceAllString(o.stderr, "ME"), stderr)
	return o
}

// thisRun is who is at work.
var thisRun = regexp.MustCompile(`[^\s(]+@[^\s,]+, pid \d+`)

// same fails the test where got is not want.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// atDesk runs a test with a clock of its own, which waits for nobody.
func atDesk(t *testing.T, test func(d *desk)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(newDesk(t)) })
}

// atDeskWith is atDesk with the machines of another inventory, too.
func atDeskWith(t *testing.T, machines string, test func(d *desk)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(newDeskWith(t, machines)) })
}
