package cmd

import (
	"strings"
	"testing"

	"github.com/kplb/kplb/rollout/rollouttest"
)

// states are changes of a cluster, each of which has an inventory of its own.
var states = []struct{ name, text string }{
	{"three nodes", homeInventory},
	{"four nodes", fourInventory},
	{"another node", strings.Replace(homeInventory, "{name: node-3, address: 10.1.1.3}", "{name: node-4, address: 10.1.1.4}", 1)},
	{"another port", homeInventory + "exposure: port\nhaproxy: {port: 8443}\n"},
	{"a shared port", homeInventory + "exposure: shared-port\n"},
	{"another VRID", homeInventory + "vrrp: {virtualRouterID: 77}\n"},
}

// TestRollbackFromEachToEach: over changes of the members, the exposure and what VRRP says,
// every generation is reached from every other one, and back, and is proven against its own
// inventory. Who is no member then has nothing of kplb's that speaks.
func TestRollbackFromEachToEach(t *testing.T) {
	for i, from := range states {
		for j, to := range states {
			if i == j {
				continue
			}
			t.Run(from.name+" to "+to.name, func(t *testing.T) {
				atDeskWith(t, fourInventory, func(d *desk) {
					for _, text := range []string{to.text, from.text} {
						d.write(text)
						d.kplb("apply", "--yes").ends(0)
					}
					for _, back := range []struct {
						text string
						args []string
					}{{to.text, []string{"rollback", "--yes"}}, {from.text, []string{"rollback", "--yes", "--to", "2"}}} {
						d.kplb(back.args...).ends(0)
						d.write(back.text)
						d.kplb("diff").ends(0)
						d.kplb("verify").ends(0)
						for _, name := range []string{"node-3", "node-4"} {
							if !strings.Contains(back.text, name) {
								d.Change(name, func(n *rollouttest.Node) {
									same(d.t, name+" speaks", n.Units["keepalived"].Active, false)
								})
							}
						}
					}
				})
			})
		}
	}
}
