package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kplb/kplb/drill"
	"github.com/kplb/kplb/report"
	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/source"
	"github.com/kplb/kplb/terminal"
	"github.com/kplb/kplb/workstation"
)

// The exit codes.
const (
	exitDone        = 0
	exitNo          = 1
	exitUsage       = 2
	exitUnchanged   = 3
	exitChanged     = 4
	exitInterrupted = 130
)

// noError is an answer that is no: everything worked, and there are
// differences, or a check did not pass. It has been printed already.
type noError struct{ what string }

func (e *noError) Error() string { return e.what }

// usageError is a command line that makes no sense.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

func (e *usageError) Hint() string { return "see `kplb --help`, and `kplb COMMAND --help`" }

// exit prints the error, with what to do about it, and gives its exit code.
func (s *streams) exit(ctx context.Context, err error) int {
	if err == nil {
		return exitDone
	}
	s.explain(err)
	var problems source.Problems
	var stopped *rollout.StoppedError
	var no *noError
	var usage *usageError
	var broken *drill.BrokenError
	code := exitUnchanged
	switch {
	case errors.As(err, &stopped):
		for _, line := range stopped.Summary() {
			s.say("stopped: %s", line)
		}
		if !stopped.Unchanged() {
			code = exitChanged
		}
	case errors.As(err, &broken):
		code = exitChanged
	case errors.As(err, &no):
		code = exitNo
	case errors.As(err, &problems), errors.As(err, &usage), isUnknownCommand(err):
		code = exitUsage
	}
	for _, hint := range report.Hints(err) {
		s.say("hint: %s", hint)
	}
	if ctx.Err() != nil && code != exitNo { // an answer was given before
		s.say("interrupted")
		return exitInterrupted
	}
	return code
}

// explain prints the error, a line for each of its parts; the problems of an
// inventory come as FILE:LINE:COL, which editors understand, and on a terminal
// with the place itself.
func (s *streams) explain(err error) {
	var bad *workstation.InventoryError
	var problems source.Problems
	if errors.As(err, &bad) && errors.As(err, &problems) {
		text := err.Error() + "\n"
		if terminal.Is(s.err) {
			text = problems.Excerpt(bad.Data)
		}
		_, _ = fmt.Fprint(s.err, text) // nothing can be done about a closed stderr
		return
	}
	for _, line := range strings.Split(err.Error(), "\n") {
		s.say("%s", line)
	}
}

// isUnknownCommand recognises cobra's "unknown command "aply" for "kplb"",
// which has no type.
func isUnknownCommand(err error) bool {
	return strings.HasPrefix(err.Error(), "unknown command ")
}
