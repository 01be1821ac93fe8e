package plan

import "testing"

// TestNotesOfAPlan tells what nodes took back by themselves, before anything
// else.
func TestNotesOfAPlan(t *testing.T) {
	t.Parallel()
	in := inputOf(t, home)
	facts := all(t, in, applied)
	same(t, "nothing", planOf(t, in, facts).Notes(), []string(nil))
	p := planOf(t, in, facts)
	p.Note("seen %d times", 2)
	same(t, "what was found out beside the plan", p.Notes(), []string{"seen 2 times"})
	put(facts["node-3"], "/var/lib/kplb/restored", 0o600, []byte("reason=timer\ntime=now\nabout=ann\n"))
	same(t, "notes", planOf(t, in, facts).Notes(), []string{"node-3: a change (ann) was taken back at now: timer"})
}
