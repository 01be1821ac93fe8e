package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
)

// TestRetry: what fails is tried again until patience is over, or the context
// has ended, and the last error is returned.
func TestRetry(t *testing.T) {
	for _, test := range []struct {
		name  string
		retry fleet.Retry
		until time.Duration // the context ends; 0: it does not
		works int           // the try that works; 0: none does
		tries int
		took  time.Duration
		says  string
	}{
		{"it works", fleet.Retry{Patience: time.Minute}, 0, 1, 1, 0, ""},
		{"it works in the end", fleet.Retry{Patience: time.Minute}, 0, 3, 3, time.Second, ""},
		{"once", fleet.Retry{}, 0, 0, 2, 500 * time.Millisecond, "try 2"},
		{"patience ends", fleet.Retry{Patience: time.Second}, 0, 0, 4, 1500 * time.Millisecond, "try 4"},
		{"rarely", fleet.Retry{Patience: 10 * time.Second, Interval: 4 * time.Second}, 0, 0, 4, 12 * time.Second, "try 4"},
		{"interrupted", fleet.Retry{Patience: time.Minute}, 700 * time.Millisecond, 0, 2, 700 * time.Millisecond, "try 2"},
		{"only the context ends it", fleet.Retry{Patience: fleet.Forever, Interval: time.Hour}, 23*time.Hour + time.Minute, 0, 24, 23*time.Hour + time.Minute, "try 24"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fleettest.InBubble(t, func(t *testing.T) {
				ctx := t.Context()
				if test.until > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.until)
					defer cancel()
				}
				began, tries, waited := time.Now(), 0, 0
				test.retry.Waits = func(string) { waited++ }
				err := test.retry.Do(ctx, func() error {
					if tries++; tries == test.works {
						return nil
					}
					return fmt.Errorf("try %d", tries)
				})
				fleettest.Says(t, err, test.says)
				fleettest.Same(t, "tries", tries, test.tries)
				fleettest.Same(t, "took", time.Since(began), test.took)
				if waited < tries-1 {
					t.Errorf("told %d times of %d tries", waited, tries)
				}
			})
		})
	}
}

// TestSleep ends with its context.
func TestSleep(t *testing.T) {
	fleettest.InBubble(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		fleettest.Says(t, fleet.Sleep(ctx, time.Millisecond), "")
		if err := fleet.Sleep(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}

// TestFinal: an error that no try mends is returned as it is, at once.
func TestFinal(t *testing.T) {
	t.Parallel()
	lost, tries := errors.New("lost"), 0
	err := fleet.Retry{Patience: time.Hour}.Do(t.Context(), func() error { tries++; return fleet.Final(lost) })
	fleettest.Same(t, "tries", tries, 1)
	if err != lost { //nolint:errorlint // it is that very error
		t.Errorf("error %v", err)
	}
	fleettest.Says(t, fleet.Final(nil), "")
}
