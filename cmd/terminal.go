package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// isTerminal says whether a person sees what is written to w, or types what
// is read from it.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colored says whether w takes colours: https://no-color.org.
func (s *streams) colored(w io.Writer) bool {
	switch s.color {
	case "always":
		return true
	case "never":
		return false
	}
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// confirm asks for the word yes. Without a terminal nobody can answer.
func (s *streams) confirm(ctx context.Context, question string) error {
	if !isTerminal(s.in) {
		return &usageError{errors.New("stdin is not a terminal, so nobody can be asked: give --yes to go on without")}
	}
	_, _ = fmt.Fprintf(s.err, "%s Type \"yes\" to continue: ", question)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(s.in).ReadString('\n') // no answer is a no
		answer <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		return &cancelledError{ctx.Err()}
	case a := <-answer:
		if a != "yes" {
			return &noError{"not confirmed: nothing was changed"}
		}
		return nil
	}
}

// cancelledError is Ctrl-C at a question. Questions come before the first change.
type cancelledError struct{ cause error }

func (e *cancelledError) Error() string { return "cancelled; nothing was changed" }

// Unwrap gives the context's error.
func (e *cancelledError) Unwrap() error { return e.cause }

// errNoTerminal says that nobody can be asked for a password.
var errNoTerminal = errors.New("there is no terminal to ask on")

// asker asks for passwords on the terminal, one question at a time, and each
// one once.
type asker struct {
	s      *streams
	mu     sync.Mutex
	answer map[string][]byte
}

// askOr is ask with a hint for those who have no terminal.
func (a *asker) askOr(ctx context.Context, question, hint string) ([]byte, error) {
	answer, err := a.ask(ctx, question)
	return answer, withHint(err, hint)
}

// withHint gives errNoTerminal a hint.
func withHint(err error, hint string) error {
	if errors.Is(err, errNoTerminal) {
		return &hintError{err, hint}
	}
	return err
}

// hintError is an error with a hint.
type hintError struct {
	error
	hint string
}

func (e *hintError) Unwrap() error { return e.error }

// Hint says what to do about it.
func (e *hintError) Hint() string { return e.hint }

// ask returns the answer to a question. Its error is errNoTerminal if there is no
// terminal.
func (a *asker) ask(ctx context.Context, question string) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known, ok := a.answer[question]; ok {
		return known, nil
	}
	answer, err := a.askTerminal(ctx, question)
	if err != nil {
		return nil, err
	}
	if a.answer == nil {
		a.answer = map[string][]byte{}
	}
	a.answer[question] = answer
	return answer, nil
}

// askAgain is ask for what has another answer every time, such as a code.
func (a *asker) askAgain(ctx context.Context, question string) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.askTerminal(ctx, question)
}

func (a *asker) askTerminal(ctx context.Context, question string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p, ok := a.s.err.(*progress); ok {
		defer p.pause()()
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, errNoTerminal
	}
	defer tty.Close() //nolint:errcheck // nothing was written but the question
	restore, err := withoutEcho(int(tty.Fd()))
	if err != nil {
		return nil, err
	}
	defer restore()
	_, _ = fmt.Fprintf(tty, "%s: ", question)
	answer, err := term.ReadPassword(int(tty.Fd()))
	_, _ = fmt.Fprintln(tty)
	return answer, err
}
