package remote_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/remote/remotetest"
)

// hostile is what a host may print to play with the terminal of whoever reads it; want is what is left.
var hostile = []struct{ in, want string }{
	{"plain", "plain"}, {"", ""}, {"ümläut €", "ümläut €"}, {"tab\tand\nnewline", "tab\tand\nnewline"},
	// C0 and DEL
	{"a\rb", "ab"}, {"progress 1%\rrm -rf", "progress 1%rm -rf"}, {"a\bb\b", "ab"}, {"bell\a", "bell"}, {"\x00nul\x00", "nul"}, {"\v\fx", "x"}, {"\x0e\x0fx", "x"},
	{"a\x7f", "a"}, {"\x01\x02\x03\x04\x05\x06", ""}, {"\x11\x13x", "x"}, {"\x18\x1ax", "x"}, {"\x1c\x1d\x1e\x1fx", "x"},
	// CSI
	{"\x1b[31mred\x1b[0m", "red"}, {"\x1b[2J\x1b[Hx", "x"}, {"\x1b[1;1Hx", "x"}, {"\x1b[?25l", ""}, {"\x1b[?1049hx", "x"}, {"\x1b[38;2;1;2;3mx", "x"}, {"\x1b[!p", ""},
	{"\x1b[6n", ""}, {"\x1b[5i", ""}, {"\x1b[ q", ""}, {"\x1b[>c", ""}, {"\x1b[", ""}, {"\x1b[12", ""}, {"\x1b[\x1b[31mx", "x"}, {"\x1b[200~x\x1b[201~", "x"}, {"\x1b[21t", ""},
	{"\x1b[12\nx", "\nx"}, {"\x1b[1\x00mx", "mx"},
	// OSC, DCS, SOS, PM, APC
	{"\x1b]0;title\ax", "x"}, {"\x1b]2;title\x1b\\x", "x"}, {"\x1b]52;c;cm0gLXJm\ax", "x"}, {"\x1b]8;;http://evil\x1b\\text\x1b]8;;\x1b\\", "text"}, {"\x1b]1337;File=x\ax", "x"},
	{"\x1b]never ends", ""}, {"\x1b]ends with the line\nx", "\nx"}, {"\x1bPdcs\x1b\\x", "x"}, {"\x1bXsos\x1b\\x", "x"}, {"\x1b^pm\x1b\\x", "x"}, {"\x1b_apc\x1b\\x", "x"},
	{"\x1bP$q\"p\x1b\\x", "x"}, {"\x1b]0;a\x1b[31mb\ax", "bx"}, {"\x1b]0;a\u009cx", "x"},
	// other escapes
	{"\x1bcx", "x"}, {"\x1b7\x1b8x", "x"}, {"\x1b(0x", "x"}, {"\x1b#8x", "x"}, {"\x1b%Gx", "x"}, {"\x1b=\x1b>x", "x"}, {"\x1bDx\x1bMy", "xy"}, {"\x1b", ""}, {"\x1b\x1b", ""}, {"\x1b\nx", "\nx"}, {"\x1büx", "üx"}, {"\x1b (x", ""},
	// C1, as UTF-8 and raw
	{"\u009b31mx", "x"}, {"\u009d0;t\ax", "x"}, {"\u0090q\u009cx", "x"}, {"\u0085x", "x"}, {"\u0084x", "x"}, {"\x9b31mx", "\ufffd31mx"}, {"\x9d0;t\x07x", "\ufffd0;tx"},
	// direction and invisible
	{"a\u202eb\u202c", "ab"}, {"\u202a\u202b\u202d\u202fx", "\u202fx"}, {"\u2066a\u2067b\u2068c\u2069", "abc"}, {"\u200ea\u200f\u061c", "a"}, {"a\u2028b\u2029c", "abc"}, {"\ufeffx", "x"}, {"\U000e0041\U000e007fx", "x"},
	// not UTF-8
	{"\xff\xfe", "\ufffd\ufffd"}, {"\xc3", "\ufffd"}, {"\xc2", "\ufffd"}, {"\xed\xa0\x80", "\ufffd\ufffd\ufffd"}, {"\xc0\x9b31m", "\ufffd\ufffd31m"}, {"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"},
}

func TestClean(t *testing.T) {
	if len(hostile) < 64 {
		t.Fatalf("only %d cases", len(hostile))
	}
	for _, tt := range hostile {
		if got := remote.Clean(tt.in); got != tt.want {
			t.Errorf("Clean(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

// isTerminalSafe is written differently from Clean on purpose.
func isTerminalSafe(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '\n' && r != '\t' && (r < ' ' || r == 127 || r > 127 && r < 160 || strings.ContainsRune("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u2028\u2029", r))
	})
}

func FuzzClean(f *testing.F) {
	for _, tt := range hostile {
		f.Add(tt.in)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := remote.Clean(s)
		if !isTerminalSafe(got) {
			t.Errorf("Clean(%q) = %q", s, got)
		}
		if again := remote.Clean(got); again != got {
			t.Errorf("Clean(%q) = %q, and again %q", s, got, again)
		}
		if len(got) > 3*len(s) {
			t.Errorf("%d bytes of %d", len(got), len(s))
		}
		if strings.Count(got, "\n") != strings.Count(s, "\n") {
			t.Errorf("Clean(%q) = %q changes the lines", s, got)
		}
	})
}

// TestHostileOutput sends every payload through each way that text of a host can take.
func TestHostileOutput(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.Options{Other: func(c *remotetest.Call) int {
		for i, tt := range hostile {
			_, _ = fmt.Fprintf(c.Stdout, "noise %s\n", tt.in)
			c.Record(fmt.Sprint("payload", i), tt.in)
			_, _ = fmt.Fprintf(c.Stderr, "%s\n", tt.in)
		}
		_, _ = fmt.Fprint(c.Stdout, "0123456789abcdef0123456789abcdef\tfake\twrong nonce\n\tfake\tno nonce\n")
		c.Record("", "no key")
		c.Record("\x1b[31mkey\x1b[0m", "cleaned")
		_, _ = fmt.Fprintf(c.Stderr, "last\x1b]0;words\a\n")
		return 9
	}})
	got, err := collect(t, connect(t, s), remote.Script{Name: "hostile", Body: ":"})
	if len(got) != len(hostile)+1 {
		t.Errorf("%d records, want %d", len(got), len(hostile)+1)
	}
	for i, tt := range hostile {
		if want := fmt.Sprintf("payload%d[%q]", i, tt.want); i < len(got) && got[i] != want {
			t.Errorf("got %s, want %s", got[i], want)
		}
	}
	if last := got[len(got)-1]; last != `key["cleaned"]` {
		t.Errorf("last record is %s", last)
	}
	var failed *remote.ScriptError
	if !errors.As(err, &failed) || !isTerminalSafe(failed.Stderr) || !isTerminalSafe(err.Error()) || !strings.HasSuffix(err.Error(), "| last") {
		t.Errorf("err = %q", err)
	}
}

// TestHostileBeforeStart has what the host says instead of running the script come into the message.
func TestHostileBeforeStart(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.Options{Exec: func(_ context.Context, e *remotetest.Exec) int {
		_, _ = fmt.Fprintf(e.Stdout, "\x1b[2J\x1b]52;c;x\aThis account is\u202e currently not available.\r\n")
		return 1
	}})
	_, err := collect(t, connect(t, s), remote.Script{Name: "x", Body: ":"})
	want := "node (HOST): the script did not start: the login shell ended before the first command (exit status 1): This account is currently not available."
	if !errors.Is(err, remote.ErrNotStarted) || mask(err.Error()) != want {
		t.Errorf("got  %q\nwant %q", err, want)
	}
}

func TestHostileRefusals(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.Options{Faults: remotetest.Faults{Banner: "\x1b[2J\x1b]0;x\a\r\nSSH-1.0-\x1b[31m\r\n"}})
	_, err := remote.Dial(t.Context(), s.Target(), s.Options())
	if err == nil || !isTerminalSafe(err.Error()) {
		t.Errorf("err = %q", err)
	}
}
