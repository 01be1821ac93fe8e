package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// asks is a kplb that asks for passwords: see TestAsk, where there are
// pseudo-terminals.
func asks() {
	a := &Asker{Beside: os.Stderr}
	for _, question := range []string{"password of sudo on the nodes", "password of sudo on the nodes", "passphrase of id"} {
		answer, err := a.Ask(context.Background(), question)
		fmt.Printf("%q %v\n", answer, err)
	}
}

func TestMain(m *testing.M) {
	if os.Getenv("KPLB_TEST_ASKS") != "" {
		asks()
		return
	}
	os.Exit(m.Run())
}

// TestAskInterrupted: whoever has interrupted is not asked any more, and what was
// answered before is known.
func TestAskInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	a := &Asker{answer: map[string][]byte{"passphrase of id": []byte("passwort1")}}
	if answer, err := a.Ask(ctx, "password of sudo on the nodes"); answer != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%q, %v", answer, err)
	}
	if answer, err := a.Ask(ctx, "passphrase of id"); string(answer) != "passwort1" || err != nil {
		t.Errorf("%q, %v", answer, err)
	}
}

// TestScreen: in place on a terminal, and cut to it; one after the other
// elsewhere.
func TestScreen(t *testing.T) {
	t.Parallel()
	var plain, shown strings.Builder
	elsewhere := Screen{w: &plain}
	here := Screen{w: &shown, size: func() (int, int) { return 10, 5 }}
	for _, text := range []string{"one\ntwo\n", "0123456789\n0123456789x\n3\n4\n5\n6\n", "one\n"} {
		if err := errors.Join(elsewhere.Show(text), here.Show(text)); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff("one\ntwo\n\n0123456789\n0123456789x\n3\n4\n5\n6\n\none\n", plain.String()); d != "" {
		t.Error(d)
	}
	const end = "\x1b[K\n"
	want := "\x1b[2J\x1b[Hone" + end + "two" + end + "\x1b[J" +
		"\x1b[H0123456789" + end + "012345678…" + end + "3" + end + "…" + end + "\x1b[J" +
		"\x1b[Hone" + end + "\x1b[J"
	if d := cmp.Diff(want, shown.String()); d != "" {
		t.Error(d)
	}
	full := Screen{w: brokenPipe{}}
	if err := full.Show("x\n"); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v", err)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestColored: without a terminal there are colours only where somebody wants them.
func TestColored(t *testing.T) {
	for color, want := range map[string]bool{"always": true, "never": false, "auto": false, "": false} {
		if got := Colored(io.Discard, color); got != want {
			t.Errorf("color %q: %t, want %t", color, got, want)
		}
	}
}

// TestAskOr: whoever cannot be asked is told what to do instead; other errors stay.
func TestAskOr(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	a := &Asker{}
	if _, err := a.AskOr(ctx, "passphrase of id", "use an agent"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := a.AskAgain(ctx, "code"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	err := WithHint(fmt.Errorf("id: %w", ErrNoTerminal), "use an agent")
	var hinted interface{ Hint() string }
	if !errors.As(err, &hinted) || hinted.Hint() != "use an agent" || !errors.Is(err, ErrNoTerminal) {
		t.Errorf("%v", err)
	}
}

// same fails the test where got is not want.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}
