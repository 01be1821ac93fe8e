package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kplb/kplb/rollout/rollouttest"
	"github.com/kplb/kplb/terminal/terminaltest"
)

// TestConfirmOnATerminal: the word yes is a yes, and everything else is a no.
func TestConfirmOnATerminal(t *testing.T) {
	t.Parallel()
	const no = "not confirmed: nothing was changed"
	for answer, says := range map[string]string{
		"yes": "", "  yes ": "", "y": no, "YES": no, "": no, "no": no, "yes please": no,
		"\x04": no, // Ctrl-D: the end of what is typed
	} {
		p := terminaltest.Open(t)
		p.Types(answer)
		var diagnostics bytes.Buffer
		err := (&streams{in: p.KPLB, err: &diagnostics}).confirm(t.Context(), "Go on?")
		said := ""
		if err != nil {
			said = err.Error()
		}
		same(t, fmt.Sprintf("answer to %q", answer), said, says)
		same(t, "question", diagnostics.String(), "Go on? Type \"yes\" to continue: ")
	}
}

// TestConfirmInterrupted does not wait for an answer.
func TestConfirmInterrupted(t *testing.T) {
	t.Parallel()
	p := terminaltest.Open(t)
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	err := (&streams{in: p.KPLB, err: &bytes.Buffer{}}).confirm(ctx, "Go on?")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestApplyAsksOnATerminal: what is answered there is done, or nothing is.
func TestApplyAsksOnATerminal(t *testing.T) {
	const (
		only    = " Type \"yes\" to continue: "
		goOn    = "Apply this to cluster home?" + only
		drop    = "Overwrite what was edited by hand?" + only
		refused = "kplb: not confirmed: nothing was changed\n"
		edited  = "kplb: node-2: /etc/haproxy/haproxy.cfg was edited by hand since kplb wrote it\n"
	)
	for _, c := range []struct {
		name    string
		edit    bool
		answers []string
		code    int
		begins  string // of what is said
		changes bool
	}{
		{"yes", false, []string{"yes"}, 0, goOn + "kplb: cluster: listening", true},
		{"no", false, []string{"no"}, exitNo, goOn + refused, false},
		{"edited: yes and yes", true, []string{"yes", "yes"}, 0, edited + drop + goOn + "kplb: ", true},
		{"edited: yes and no", true, []string{"yes", "no"}, exitNo, edited + drop + goOn + refused, false},
		{"edited: no", true, []string{"no"}, exitNo, edited + drop + refused, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			atDesk(t, func(d *desk) {
				if c.edit {
					d.kplb("apply", "--yes").ends(0)
					d.Change("node-2", func(n *rollouttest.Node) {
						n.Files["/etc/haproxy/haproxy.cfg"] = rollouttest.File{Mode: 0o644, Content: append(bytes.Clone(n.Files["/etc/haproxy/haproxy.cfg"].Content), "# an edit\n"...)}
					})
				}
				asked := len(d.Asked())
				p := terminaltest.Open(d.t)
				p.Types(c.answers...)
				o := d.kplbIn(d.t.Context(), p.KPLB, "apply").ends(c.code)
				if !strings.HasPrefix(o.stderr, c.begins) {
					d.t.Errorf("says %q\nwant %q", o.stderr, c.begins)
				}
				same(d.t, "changed", len(d.Asked()) > asked, c.changes)
			})
		})
	}
}

// TestInventoryProblemsOnATerminal are shown with the place in the file.
func TestInventoryProblemsOnATerminal(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "cluster.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(homeInventory, "vip: 10.1.233.1", "vip: 10.1.233.500", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	p := terminaltest.Open(t)
	code := run(t.Context(), []string{"render", "-i", file}, streams{in: strings.NewReader(""), out: &bytes.Buffer{}, err: p.KPLB})
	same(t, "exit code", code, exitUsage)
	same(t, "said", strings.ReplaceAll(p.Reads("^\r\n"), file, "FILE"),
		"FILE:4:6: vip \"10.1.233.500\" is not an IP address; write an address like 10.1.1.1 or fd10:1::1\n    vip: 10.1.233.500\n         ^\n")
}

// TestTrustOnATerminal records keys after a yes, and none after a no.
func TestTrustOnATerminal(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	const question = "Record 2 keys in KNOWN? Type \"yes\" to continue: "
	p := terminaltest.Open(t)
	p.Types("no")
	h.trust(p.KPLB).says(exitNo, h.shows("unknown", "unknown"), question+"kplb: not confirmed: nothing was changed\n")
	same(t, "recorded after a no", h.recorded(), -1)
	p.Types("yes")
	h.trust(p.KPLB).says(0, h.shows("unknown", "unknown"), question+"kplb: 2 keys recorded in KNOWN\n")
	same(t, "recorded after a yes", h.recorded(), 2)
}

// TestDrillOnATerminal says what it will break, and breaks nothing without a yes.
func TestDrillOnATerminal(t *testing.T) {
	for rounds, times := range map[string]string{"1": "", "3": ", 3 times"} {
		t.Run(rounds, func(t *testing.T) {
			atDesk(t, func(d *desk) {
				d.kplb("apply", "--yes").ends(0)
				p := terminaltest.Open(d.t)
				p.Types("no")
				d.kplbIn(d.t.Context(), p.KPLB, "drill", "--fault", "haproxy-stopped", "--for", "2s", "--rounds", rounds).says(exitNo, "",
					willBreak+"Break cluster home like this, one at a time for 2s each"+times+"? Type \"yes\" to continue: kplb: not confirmed: nothing was changed\n")
				same(d.t, "what the nodes were asked", len(d.drilled()), 0)
			})
		})
	}
}
