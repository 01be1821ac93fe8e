package failure

// hinted is an error that knows what to do about it.
type hinted struct {
	error
	hint string
}

func (e *hinted) Unwrap() error { return e.error }

// Hint says what to do about it.
func (e *hinted) Hint() string { return e.hint }

// WithHint gives an error a hint: what to do about it, which is told beside the error and is
// no part of its text.
func WithHint(err error, hint string) error { return &hinted{err, hint} }
