package node

import (
	"errors"
	"testing"

	"github.com/kplb/kplb/remote"
)

// TestRun turns what a script says into an error.
func TestRun(t *testing.T) {
	t.Parallel()
	exit := &remote.ScriptError{Host: "node-1", Script: "x", Code: 1}
	cases := []struct {
		name    string
		records []remote.Record
		ends    error
		says    string
		refused bool // nothing was changed
	}{
		{"nothing", nil, nil, "", false},
		{"done", []remote.Record{record("step", "a"), record("done")}, nil, "", false},
		{"an exit status", nil, exit, "node-1: x: exit status 1", false},
		{"refused", []remote.Record{record("refused", " no room\n")}, exit, "node-1: no room", true},
		{"refused in several fields", []remote.Record{record("refused", "no", "room")}, exit, "node-1: no room", true},
		{"refused, after it had begun", []remote.Record{record("touched"), record("refused", "no room")}, exit, "node-1: no room", false},
		{"broken", []remote.Record{record("refused", "x"), record("broken", "no way back")}, exit, "node-1: no way back", false},
		{"refused without a word", []remote.Record{record("refused")}, exit, "node-1: x: exit status 1", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := scripted(func(each func(remote.Record) error) error {
				for _, r := range c.records {
					if err := each(r); err != nil {
						return err
					}
				}
				return c.ends
			})
			err := run(t.Context(), h, remote.Script{}, nil)
			says(t, err, c.says)
			var refused *RefusedError
			same(t, "nothing was changed", errors.As(err, &refused), c.refused)
		})
	}
}
