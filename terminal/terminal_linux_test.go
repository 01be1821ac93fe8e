package terminal

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/kplb/kplb/terminal/terminaltest"
)

// TestSizeOf follows the terminal, and guesses where it does not say.
func TestSizeOf(t *testing.T) {
	t.Setenv("TERM", "xterm")
	p := terminaltest.Open(t)
	size := sizeOf(p.KPLB)
	for _, c := range []struct{ columns, rows, width, height int }{{100, 30, 100, 30}, {40, 10, 40, 10}, {0, 0, 80, 24}} {
		p.Resize(uint16(c.columns), uint16(c.rows))
		width, height := size()
		same(t, "size", []int{width, height}, []int{c.width, c.height})
	}
	_ = p.KPLB.Close()
	width, height := size()
	same(t, "size of a terminal that is gone", []int{width, height}, []int{80, 24})
	same(t, "a closed file is a terminal", sizeOf(p.KPLB) != nil, false)

	t.Setenv("TERM", "dumb")
	same(t, "a dumb terminal moves the cursor", sizeOf(terminaltest.Open(t).KPLB) != nil, false)
}

// TestColoredOnATerminal: colours are for people who can, and want to, see them.
func TestColoredOnATerminal(t *testing.T) {
	p := terminaltest.Open(t)
	for _, c := range []struct {
		color, term, not string
		want             bool
	}{
		{"auto", "xterm", "", true}, {"auto", "dumb", "", false}, {"auto", "xterm", "1", false},
		{"always", "dumb", "1", true}, {"never", "xterm", "", false},
	} {
		t.Setenv("TERM", c.term)
		t.Setenv("NO_COLOR", c.not)
		same(t, fmt.Sprintf("%+v", c), Colored(p.KPLB, c.color), c.want)
	}
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
	p := terminaltest.Open(t)
	c, out := asksOn(t, p.KPLB)
	seen := p.Reads("on the nodes: ")
	p.Types("geheim42")
	seen += p.Reads("of id: ")
	p.Types("passwort1")
	seen += p.Reads("\n")
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
