package programtest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kplb/kplb/node/programtest"
	"github.com/kplb/kplb/remote"
)

// TestStrikeCountsPipelines: commands that run at once have a number each, and a
// state that was written down before each.
func TestStrikeCountsPipelines(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		const commands = 40
		n := programtest.New(t, shell)
		n.Strike(0, "record")
		if a := n.Run(remote.Script{Body: strings.Repeat("touch /etc/it & ", commands) + "wait; record done"}); !a.Done() {
			t.Fatal(a)
		}
		for i, step := range n.Steps() {
			number := i + 1
			if want := fmt.Sprintf("%d touch /etc/it", number); step != want {
				t.Errorf("%q, want %q", step, want)
			}
			if state := fmt.Sprintf("/harness/states/%d/etc", number); !n.Exists(state) {
				t.Errorf("%s is not there", state)
			}
		}
		if got := len(n.Steps()); got != commands {
			t.Errorf("%d commands are counted, want %d", got, commands)
		}
	})
}
