package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kplb/kplb/rollout/rollouttest"
)

// TestConfirmOnATerminal: the word yes is a yes, and everything else is a no.
func TestConfirmOnATerminal(t *testing.T) {
	t.Parallel()
	const no = "not confirmed: nothing was changed"
	for answer, says := range map[string]string{
		"yes": "", "  yes ": "", "y": no, "YES": no, "": no, "no": no, "yes please": no,
		"\x04": no, // Ctrl-D: the end of what is typed
	} {
		p := openPTY(t)
		p.types(answer)
		var diagnostics bytes.Buffer
		err := (&streams{in: p.kplb, err: &diagnostics}).confirm(t.Context(), "Go on?")
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
	p := openPTY(t)
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	err := (&streams{in: p.kplb, err: &bytes.Buffer{}}).confirm(ctx, "Go on?")
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
				p := openPTY(d.t)
				p.types(c.answers...)
				o := d.kplbIn(d.t.Context(), p.kplb, "apply").ends(c.code)
				if !strings.HasPrefix(o.stderr, c.begins) {
					d.t.Errorf("says %q\nwant %q", o.stderr, c.begins)
				}
				same(d.t, "changed", len(d.Asked()) > asked, c.changes)
			})
		})
	}
}

// TestSizeOf follows the terminal, and guesses where it does not say.
func TestSizeOf(t *testing.T) {
	t.Setenv("TERM", "xterm")
	p := openPTY(t)
	size := sizeOf(p.kplb)
	for _, c := range []struct{ columns, rows, width, height int }{{100, 30, 100, 30}, {40, 10, 40, 10}, {0, 0, 80, 24}} {
		p.resize(uint16(c.columns), uint16(c.rows))
		width, height := size()
		same(t, "size", []int{width, height}, []int{c.width, c.height})
	}
	_ = p.kplb.Close()
	width, height := size()
	same(t, "size of a terminal that is gone", []int{width, height}, []int{80, 24})
	same(t, "a closed file is a terminal", sizeOf(p.kplb) != nil, false)

	t.Setenv("TERM", "dumb")
	same(t, "a dumb terminal moves the cursor", sizeOf(openPTY(t).kplb) != nil, false)
}

// TestColoredOnATerminal: colours are for people who can, and want to, see them.
func TestColoredOnATerminal(t *testing.T) {
	p := openPTY(t)
	for _, c := range []struct {
		color, term, not string
		want             bool
	}{
		{"auto", "xterm", "", true}, {"auto", "dumb", "", false}, {"auto", "xterm", "1", false},
		{"always", "dumb", "1", true}, {"never", "xterm", "", false},
	} {
		t.Setenv("TERM", c.term)
		t.Setenv("NO_COLOR", c.not)
		same(t, fmt.Sprintf("%+v", c), (&streams{color: c.color}).colored(p.kplb), c.want)
	}
}

// TestInventoryProblemsOnATerminal are shown with the place in the file.
func TestInventoryProblemsOnATerminal(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "cluster.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(homeInventory, "vip: 10.1.233.1", "vip: 10.1.233.500", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	p := openPTY(t)
	code := run(t.Context(), []string{"render", "-i", file}, streams{in: strings.NewReader(""), out: &bytes.Buffer{}, err: p.kplb})
	same(t, "exit code", code, exitUsage)
	same(t, "said", strings.ReplaceAll(p.reads("^\r\n"), file, "FILE"),
		"FILE:4:6: vip \"10.1.233.500\" is not an IP address; write an address like 10.1.1.1 or fd10:1::1\n    vip: 10.1.233.500\n         ^\n")
}

// asksOn starts asks with a controlling terminal; without one if it is nil.
func asksOn(t *testing.T, tty *os.File) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env, c.Stdout = append(os.Environ(), "KPLB_TEST_ASKS=1"), &out
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if tty != nil {
		c.ExtraFiles, c.SysProcAttr.Setctty, c.SysProcAttr.Ctty = []*os.File{tty}, true, 3
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c, &out
}

// TestAsk: each question is asked once, on the terminal, which does not show the
// answer.
func TestAsk(t *testing.T) {
	t.Parallel()
	p := openPTY(t)
	c, out := asksOn(t, p.kplb)
	seen := p.reads("on the nodes: ")
	p.types("geheim42")
	seen += p.reads("of id: ")
	p.types("passwort1")
	seen += p.reads("\n")
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	same(t, "on the terminal", seen, "password of sudo on the nodes: \npassphrase of id: \n")
	same(t, "answers", out.String(), "\"geheim42\" <nil>\n\"geheim42\" <nil>\n\"passwort1\" <nil>\n")
}

// TestAskNobody: without a terminal there is no password, and no waiting for one.
func TestAskNobody(t *testing.T) {
	t.Parallel()
	c, out := asksOn(t, nil)
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	same(t, "answers", out.String(), strings.Repeat("\"\" there is no terminal to ask on\n", 3))
}

// TestTrustOnATerminal records keys after a yes, and none after a no.
func TestTrustOnATerminal(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	const question = "Record 2 keys in KNOWN? Type \"yes\" to continue: "
	p := openPTY(t)
	p.types("no")
	h.trust(p.kplb).says(exitNo, h.shows("unknown", "unknown"), question+"kplb: not confirmed: nothing was changed\n")
	same(t, "recorded after a no", h.recorded(), -1)
	p.types("yes")
	h.trust(p.kplb).says(0, h.shows("unknown", "unknown"), question+"kplb: 2 keys recorded in KNOWN\n")
	same(t, "recorded after a yes", h.recorded(), 2)
}

// TestDrillOnATerminal says what it will break, and breaks nothing without a yes.
func TestDrillOnATerminal(t *testing.T) {
	for rounds, times := range map[string]string{"1": "", "3": ", 3 times"} {
		t.Run(rounds, func(t *testing.T) {
			atDesk(t, func(d *desk) {
				d.kplb("apply", "--yes").ends(0)
				p := openPTY(d.t)
				p.types("no")
				d.kplbIn(d.t.Context(), p.kplb, "drill", "--fault", "haproxy-stopped", "--for", "2s", "--rounds", rounds).says(exitNo, "",
					willBreak+"Break cluster home like this, one at a time for 2s each"+times+"? Type \"yes\" to continue: kplb: not confirmed: nothing was changed\n")
				same(d.t, "what the nodes were asked", len(d.drilled()), 0)
			})
		})
	}
}
