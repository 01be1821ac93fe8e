//go:build faults

package faults

import (
	"github.com/kplb/kplb/lab/machines"
)

func calmFaults() []fault {
	return []fault{{id: "Z", name: "nothing goes wrong: haproxy.cfg alone changes, under load through the VIP", count: 8, fast: 3, alone: true, inject: calmApply, own: true}}
}

// calmApply changes haproxy.cfg alone. No connection through the VIP may
// fail or break, and keepalived must not notice.
func calmApply(t *trial) {
	settings := []string{"haproxy: {maxConn: 4001, monitorPort: ", "haproxy: {maxConn: 4002, monitorPort: "}[t.k%2] + t.from.monitor +
		"}\nvrrp: {advertInterval: " + t.from.advert[:3] + "ms}\n"
	file := t.write("calm.yaml", inventoryHead+settings)
	before := map[string]string{}
	for _, n := range machines.Nodes {
		before[n] = t.keepalived(n)
	}
	holders := t.Holders(vip)
	load := clients(t.Lab, 4, 25)
	o := t.start("apply", "-i", file, "--yes")
	t.all = append(t.all, o)
	o.wait(patience)
	t.op = o
	count, failed := load.stop()
	t.notef("%d new connections and 25 held ones in %.1f s", count, o.ended.Sub(o.began).Seconds())
	t.wants(0)
	for _, what := range failed {
		t.problem("Z: %s", what)
	}
	for _, n := range machines.Nodes {
		if now := t.keepalived(n); now != before[n] {
			t.problem("Z: node %s: keepalived was %q and is %q", n, before[n], now)
		}
	}
	if now := t.Holders(vip); len(now) != 1 || len(holders) != 1 || now[0] != holders[0] {
		t.problem("Z: the VIP was on %v and is on %v", holders, now)
	}
	t.problems = append(t.problems, t.watch.judgement()...)
	t.must("apply", "-i", t.from.file, "--yes") // what the other rows go between stays
}

// keepalived is the process, its invocation, and how often it was reloaded.
func (t *trial) keepalived(n string) string {
	return t.on(n, `systemctl show --property=MainPID,InvocationID,NRestarts keepalived; journalctl -b -q -u keepalived | grep -c Reload`)
}
