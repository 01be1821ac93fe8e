package cmd

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kplb/kplb/drill"
)

// check completes the options, before anything is looked at.
func (o *drillOptions) check() error {
	if err := checkOutput(o.format); err != nil {
		return err
	}
	bad := func(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }
	switch {
	case o.Lasts < 2*time.Second || o.Lasts > time.Minute || o.Lasts%time.Second != 0:
		return bad("--for must be whole seconds between 2s and 1m, not %s", o.Lasts)
	case o.Every < time.Millisecond || o.Every > time.Second:
		return bad("--every must be between 1ms and 1s, not %s", o.Every)
	case o.Limit < o.Every || o.Limit > 10*time.Second:
		return bad("--timeout must be between %s and 10s, not %s", o.Every, o.Limit)
	case o.Rounds < 1:
		return bad("--rounds must be 1 or more, not %d", o.Rounds)
	case o.tolerance < 0:
		return bad("--tolerance must be 0 or more, not %g", o.tolerance)
	}
	if err := o.chooseFaults(); err != nil {
		return err
	}
	return o.openFiles()
}

func (o *drillOptions) chooseFaults() error {
	for _, f := range drill.Faults() {
		named := slices.Contains(o.faults, f.Name)
		if named && f.Off && !o.power {
			return &usageError{errors.New("node-off needs somebody who powers the node on: give --i-can-power-it-on if you can")}
		}
		if named || len(o.faults) == 0 && (!f.Off || o.power) {
			o.Faults = append(o.Faults, f)
		}
	}
	for _, name := range o.faults {
		if _, ok := drill.Named(name); !ok {
			var all []string
			for _, f := range drill.Faults() {
				all = append(all, f.Name)
			}
			return &usageError{fmt.Errorf("fault must be one of %s, not %q", strings.Join(all, ", "), name)}
		}
	}
	return nil
}

// openFiles wants the baseline to be one, and the report to be writable,
// before anything is broken.
func (o *drillOptions) openFiles() error {
	if o.baseline != "" {
		data, err := os.ReadFile(o.baseline)
		if err == nil {
			o.base, err = drill.ParseSummary(data)
			if err != nil {
				err = fmt.Errorf("%s %w", o.baseline, err)
			}
		}
		if err != nil {
			return &usageError{fmt.Errorf("baseline: %w", err)}
		}
	}
	if o.report == "" {
		return nil
	}
	_, missing := os.Stat(o.report)
	f, err := os.OpenFile(o.report, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return &usageError{fmt.Errorf("report: %w", err)}
	}
	if missing != nil { // it is made when there is something in it
		_ = os.Remove(o.report)
	}
	return f.Close()
}
