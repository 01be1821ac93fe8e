package rollouttest

import (
	"fmt"
	"strings"
	"time"

	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/remote"
)

// drill is what a node has written down of one: times are those of the test's
// clock.
type drill struct {
	broken         string // the unit that is stopped; empty: none is
	struck, mended string
	changes        []string // when it got the VIP, and when it lost it
}

func now() string {
	t := time.Now()
	return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond())
}

// write notes whether the node has the VIP now.
func (n *Node) write() {
	what := map[bool]string{true: "held", false: "lost"}[n.holds()]
	n.drill.changes = append(n.drill.changes, now()+" "+what)
}

func watch(n *Node, _ *Host, _ remote.Script, say say) {
	n.drill = drill{}
	n.write()
	say("done")
}

// breakNode stops the unit of a fault such as haproxy-stopped. The cluster has no
// other faults.
func breakNode(n *Node, _ *Host, s remote.Script, say say) {
	fault := nodetest.As[node.BreakRequest](s).Fault
	unit, stopped := strings.CutSuffix(fault, "-stopped")
	if !stopped {
		say("refused", "rollouttest has no fault "+fault)
		return
	}
	n.drill.broken, n.drill.struck = unit, now()
	n.moveVIP(func() { n.Units[unit].Active = false })
	say("done")
}

func mendNode(n *Node, _ *Host, _ remote.Script, say say) {
	if n.drill.broken != "" {
		n.moveVIP(func() { n.Units[n.drill.broken].Active = true })
		n.drill.broken, n.drill.mended = "", now()
	}
	say("done")
}

// moveVIP does something by which the VIP may move, and has those nodes write
// that down which lost it, or got it.
func (n *Node) moveVIP(do func()) {
	was := n.cluster.elect()
	do()
	if is := n.cluster.elect(); is != was {
		for _, name := range []string{was, is} {
			if other := n.cluster.nodes[name]; other != nil {
				other.write()
			}
		}
	}
}

func drillLog(n *Node, _ *Host, _ remote.Script, say say) {
	say("clock", now())
	if n.drill.struck != "" {
		say("struck", n.drill.struck)
	}
	if n.drill.mended != "" {
		say("mended", n.drill.mended)
		say("by", "the operator")
	}
	say("holder", strings.Join(n.drill.changes, "\n"))
	say("done")
}
