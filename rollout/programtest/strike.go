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

// Sweep runs a program once on the node as it is, and then again and again from
// the same state, with each of its commands in turn killed or failing. After each,
// judge says what is wrong, and gets the command as Steps has it; it may change the node. A kill that leaves the same as
// the one before is not judged again. The node ends as the undisturbed run left it.
func (n *Node) Sweep(t *testing.T, how string, program func() Answer, judge func(t *testing.T, command string, a Answer)) {
	t.Helper()
	from := n.Tree()
	n.Strike(0, "")
	if a := program(); !a.Done() {
		t.Fatalf("undisturbed: %s", a)
	}
	steps, after := n.Steps(), n.Tree()
	if len(steps) == 0 {
		t.Fatal("no command was counted")
	}
	var last Tree
	for i, step := range steps {
		n.Reset(from)
		n.Strike(i+1, how)
		a := program()
		n.Strike(0, "")
		if how == Kill {
			left := n.Tree().Without("/node/told")
			if reflect.DeepEqual(left, last) {
				continue
			}
			last = left
		}
		if judge(t, step, a); t.Failed() {
			t.Fatalf("%s at command %s: %s", how, step, a)
		}
	}
	n.Reset(after)
}
