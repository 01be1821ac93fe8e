package programtest

import (
	"fmt"
	"strings"
	"testing"
)

// How a command that was chosen by Strike ends.
const (
	Kill = "kill" // the program is killed before it
	Fail = "fail" // it does nothing, and fails
)

// Strike chooses the command, by number from 1, of the programs that run from now
// on, that ends in such a way. 0 chooses none.
func (n *Node) Strike(at int, how string) {
	n.t.Helper()
	n.Write("/harness/strike", fmt.Sprintf("%d %s\n", at, how), 0o644)
	n.Remove("/harness/count")
	n.Remove("/harness/steps")
}

// Steps are the commands that were counted since Strike, in order.
func (n *Node) Steps() []string {
	n.t.Helper()
	steps := strings.TrimSuffix(n.Read("/harness/steps"), "\n")
	if steps == "" {
		return nil
	}
	return strings.Split(steps, "\n")
}

// Sweep runs something once on the node as it is, and then again and again from
// the same state, with each of its commands in turn killed or failing; after each,
// judge says what is wrong. It returns the state after the undisturbed run.
func (n *Node) Sweep(t *testing.T, how string, do func() Answer, judge func(t *testing.T, at int, step string, a Answer)) {
	t.Helper()
	from := n.Tree()
	n.Strike(0, "")
	if a := do(); !a.Done() {
		t.Fatalf("undisturbed: %s", a)
	}
	steps := n.Steps()
	after := n.Tree()
	if len(steps) == 0 {
		t.Fatal("no command was counted")
	}
	for i, step := range steps {
		n.Reset(from)
		n.Strike(i+1, how)
		a := do()
		n.Strike(0, "")
		judge(t, i+1, step, a)
		if t.Failed() {
			t.Fatalf("%s at command %s\n%s", how, step, a)
		}
	}
	n.Reset(after)
}
