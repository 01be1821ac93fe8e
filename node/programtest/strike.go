package programtest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// How a command ends that Strike has chosen.
const (
	Kill = "kill" // the program is killed before it
	Fail = "fail" // it does nothing, and fails
)

// Strike chooses the command, by number from 1, of the programs that run from now
// on, that ends in such a way. 0 chooses none.
func (h *harness) Strike(at int, how string) {
	h.t.Helper()
	h.Write("/harness/strike", fmt.Sprintf("%d %s\n", at, how), 0o644)
	h.Remove("/harness/count")
	h.Remove("/harness/steps")
}

// Steps are the commands that were counted since Strike, in order.
func (h *harness) Steps() []string {
	h.t.Helper()
	steps := strings.TrimSuffix(h.Read("/harness/steps"), "\n")
	if steps == "" {
		return nil
	}
	return strings.Split(steps, "\n")
}

// Sweep runs a program once on the node as it is, and then again and again from
// the same state, with each of its commands in turn killed or failing. After each,
// judge says what is wrong, and gets the command as Steps has it; it may change the
// node. Of kills that leave the same, one is tried. The node ends as the undisturbed
// run has left it.
func (h *harness) Sweep(t *testing.T, how string, program func() Answer, judge func(t *testing.T, command string, a Answer)) {
	t.Helper()
	from := h.Tree()
	h.Strike(0, "record")
	a := program()
	steps, after := h.Steps(), h.Tree()
	h.Strike(0, "")
	if !a.Done() || len(steps) == 0 {
		t.Fatalf("undisturbed: %d commands: %s", len(steps), a)
	}
	for i, step := range steps {
		if how == Kill && i > 0 && reflect.DeepEqual(h.recorded(i), h.recorded(i+1)) {
			continue
		}
		h.Reset(from)
		h.Strike(i+1, how)
		a := program()
		h.Strike(0, "")
		if judge(t, step, a); t.Failed() {
			t.Fatalf("%s at command %s: %s", how, step, a)
		}
	}
	h.Reset(after)
	h.Remove("/harness/states")
}

// recorded is the state before a command.
func (h *harness) recorded(at int) Tree {
	return h.tree(fmt.Sprintf("harness/states/%d/", at)).Without("/node/told")
}
