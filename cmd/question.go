package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kplb/kplb/terminal"
)

// confirm asks for the word yes. Without a terminal nobody can answer.
func (s *streams) confirm(ctx context.Context, question string) error {
	if !terminal.Is(s.in) {
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
