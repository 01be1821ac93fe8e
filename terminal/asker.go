package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"

	"github.com/kplb/kplb/remote/failure"
)

// ErrNoTerminal says that nobody can be asked for a password.
var ErrNoTerminal = errors.New("there is no terminal to ask on")

// Asker asks for passwords on the terminal, one question at a time, and each
// one once.
type Asker struct {
	// Beside is where the rest is written: a Progress pauses while a person is asked.
	Beside io.Writer

	mu     sync.Mutex
	answer map[string][]byte
}

// AskOr is Ask with a hint for those who have no terminal.
func (a *Asker) AskOr(ctx context.Context, question, hint string) ([]byte, error) {
	answer, err := a.Ask(ctx, question)
	return answer, WithHint(err, hint)
}

// WithHint gives ErrNoTerminal a hint.
func WithHint(err error, hint string) error {
	if errors.Is(err, ErrNoTerminal) {
		return failure.WithHint(err, hint)
	}
	return err
}

// Ask returns the answer to a question. Its error is ErrNoTerminal if there is no
// terminal.
func (a *Asker) Ask(ctx context.Context, question string) ([]byte, error) {
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

// AskAgain is Ask for what has another answer every time, such as a code.
func (a *Asker) AskAgain(ctx context.Context, question string) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.askTerminal(ctx, question)
}

func (a *Asker) askTerminal(ctx context.Context, question string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p, ok := a.Beside.(*Progress); ok {
		defer p.Pause()()
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, ErrNoTerminal
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
