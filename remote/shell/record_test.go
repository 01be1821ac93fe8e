package shell_test

import (
	"bytes"
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/kplb/kplb/remote/failure"
	"github.com/kplb/kplb/remote/shell"
)

func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "a b", "it's", "$(id)", "`id`", "\\", "\n", "-n", "'\\''", "\x81\x88", "\xff", "!x", "~", "*", "a\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Contains(s, "\x00") {
			t.Skip("no shell carries NUL")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, "/bin/sh", "-s")
		cmd.Stdin = strings.NewReader("VALUE=" + shell.Quote(s) + "\nprintf %s \"$VALUE\"\n")
		got, err := cmd.Output()
		if err != nil || string(got) != s {
			t.Errorf("Quote(%q) came out as %q, %v", s, got, err)
		}
	})
}

// FuzzRecord has the shell's own record function report three fields, and compares what comes back.
func FuzzRecord(f *testing.F) {
	f.Add("key", "field", "other")
	f.Add("k", "a\tb\nc\\d\\n", "\\\\t\t\t\n\n\\")
	f.Add("k", "", "\xff\x81")
	f.Add("k", "\x1b[31m", "-e")
	f.Fuzz(func(t *testing.T, key, one, two string) {
		if strings.Contains(key+one+two, "\x00") || failure.Clean(key) == "" {
			t.Skip("not for record")
		}
		const nonce = "0123456789abcdef"
		text := shell.Script{
			Name: "fuzz", Body: `record "$A" "$B" "$C"; printf %s "$B" | record_data data`,
			Vars: map[string]string{"A": key, "B": one, "C": two},
		}.Stream(nonce)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, "/bin/sh", "-s")
		cmd.Stdin = bytes.NewReader(text)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		records := shell.ParseFrames(out, nonce)
		if len(records) != 2 {
			t.Fatalf("%d records in %q", len(records), out)
		}
		if r := records[0]; r.Key != failure.Clean(key) || !slices.Equal(r.Fields, []string{failure.Clean(one), failure.Clean(two)}) {
			t.Errorf("%q came out of %q, %q, %q", r, key, one, two)
		}
		if data, err := records[1].Data(0); err != nil || string(data) != one {
			t.Errorf("data %q, %v came out of %q", data, err, one)
		}
	})
}

// FuzzFrames feeds the parser anything.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("NONCE\nNONCE\tkey\tfield\nnoise\nNONCEnoise\nNONCE\t\tx\nNONCE\tunfinished"))
	f.Add([]byte(strings.Repeat("NONCE\tx", 1000)))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, r := range shell.ParseFrames(data, "NONCE") {
			if r.Key == "" || !isTerminalSafe(r.Key) || !isTerminalSafe(strings.Join(r.Fields, "")) {
				t.Errorf("%q", r)
			}
			_, _ = r.Data(len(r.Fields) - 1)
		}
	})
}

func TestRecordData(t *testing.T) {
	r := shell.Record{Key: "k", Fields: []string{"aGk=", "no base64"}}
	if data, err := r.Data(0); err != nil || string(data) != "hi" {
		t.Errorf("%q, %v", data, err)
	}
	for i, want := range map[int]string{
		1: "field 1 of record k is not base64: illegal base64 data at input byte 2", 2: "record k has no field 2", -1: "record k has no field -1",
	} {
		if _, err := r.Data(i); err == nil || err.Error() != want {
			t.Errorf("Data(%d): %v", i, err)
		}
	}
}

func isTerminalSafe(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '\n' && r != '\t' && (r < ' ' || r == 127 || r > 127 && r < 160 || strings.ContainsRune("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u2028\u2029", r))
	})
}
