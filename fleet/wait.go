package fleet

import (
	"context"
	"errors"
	"time"
)

// Sleep waits. It ends early, with the error of ctx, when ctx ends.
func Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// retryInterval is a Retry's own.
const retryInterval = 500 * time.Millisecond

// Forever is the patience of a Retry that ends with its context only.
const Forever time.Duration = -1

// Retry is how something is tried again that has failed.
type Retry struct {
	Patience time.Duration     // a try that fails after it is the last one
	Interval time.Duration     // between two tries; 0: half a second
	Waits    func(what string) // is told the error before the next try; nil: nobody is
}

// finalError is one that no other try mends.
type finalError struct{ error }

// Final makes an error the last one: Retry returns it, as it is, at once. Final of
// nil is nil.
func Final(err error) error {
	if err == nil {
		return nil
	}
	return finalError{err}
}

// Do tries until there is no error, or a Final one, patience is over or ctx has
// ended, and returns the last error of try.
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
