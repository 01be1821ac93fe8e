package fleet

import (
	"context"
	"errors"
	"time"
)

// Sleep waits for d. It returns early, with the error of ctx, when ctx is done.
func Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// retryInterval is the default of Retry.Interval.
const retryInterval = 500 * time.Millisecond

// Forever is the patience of a Retry that only its context ends.
const Forever time.Duration = -1

// Retry says how a failed call is tried again.
type Retry struct {
	Patience time.Duration     // a try that fails after that is the last one
	Interval time.Duration     // between two tries; 0: half a second
	Waits    func(what string) // is called with the error before the next try; may be nil
}

// finalError is an error that another try would not change.
type finalError struct{ error }

// Final makes an error the last one: Retry returns it, as it is, at once. Final of
// nil is nil.
func Final(err error) error {
	if err == nil {
		return nil
	}
	return finalError{err}
}

// Do calls try until it succeeds or returns a Final error, patience is over, or ctx is
// done. It returns the last error of try.
func (r Retry) Do(ctx context.Context, try func() error) error {
	interval := r.Interval
	if interval == 0 {
		interval = retryInterval
	}
	for deadline := time.Now().Add(r.Patience); ; {
		err := try()
		var final finalError
		if errors.As(err, &final) {
			return final.error
		}
		if err == nil || ctx.Err() != nil || r.Patience != Forever && time.Now().After(deadline) {
			return err
		}
		if r.Waits != nil {
			r.Waits(err.Error())
		}
		if Sleep(ctx, interval) != nil {
			return err
		}
	}
}
