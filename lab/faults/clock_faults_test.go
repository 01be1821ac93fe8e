//go:build faults

package faults

import (
	"path/filepath"
	"strings"
	"time"
)

// clock shows what every step of kplb's on a node takes for the time: the
// clock itself is this machine's, and every node's.
type clock struct{ what, before, after string }

var clocks = []clock{
	{"1970", "@1970-01-01 00:00:10", "@1970-01-01 00:00:10"},
	{"2037", "@2037-06-01 00:00:00", "@2037-06-01 00:00:00"},
	{"jumps a year back", "+0", "-365d"},
	{"jumps ten years forth", "+0", "+3650d"},
	{"jumps a minute back", "+60", "+0"},
	{"jumps out of 1970", "@1970-01-01 00:00:10", "+0"},
}

// fakeTimeout starts timeout(1), and so the step, with another clock.
const fakeTimeout = `#!/bin/bash
export LD_PRELOAD=/usr/local/lib/libfaketime.so.1 FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME="$(cat /run/fault.clock)"
exec -a timeout /usr/bin/timeout "$@"
`

func clockFaults() []fault {
	return []fault{{id: "C5", name: "a node's programs see 1970, 2037, or a clock that jumps in the middle", count: 12, fast: 1, inject: wrongClock}}
}

func wrongClock(t *trial) {
	found, _ := filepath.Glob("/usr/lib/*/faketime/libfaketime.so.1")
	if len(found) == 0 {
		t.t.Fatal("libfaketime is missing: apt-get install libfaketime")
	}
	node, c := nodeNumber(t.k+t.k/len(clocks)), clocks[t.k%len(clocks)]
	wrapper := t.write("timeout", fakeTimeout)
	t.later(func() { t.on(node, "rm -f /usr/local/sbin/timeout /usr/local/lib/libfaketime.so.1 /run/fault.clock*") })
	t.harm(node, "echo '"+c.before+"' >/run/fault.clock")
	for from, to := range map[string]string{found[0]: "/usr/local/lib/libfaketime.so.1", wrapper: "/usr/local/sbin/timeout"} {
		if err := t.Put(node, from, to, 0o755); err != nil {
			t.problem("the fault was not injected: %v", err)
			return
		}
	}
	o := t.apply()
	time.Sleep(t.moment())
	t.harm(node, "echo '"+c.after+"' >/run/fault.clock.new && mv /run/fault.clock.new /run/fault.clock")
	o.wait(patience)
	t.op = o
	t.wants(0)
	said := t.on(node, `cd /var/lib/kplb/generations && cat ../current && printf '%s\n' [0-9]* | sort -n | tail -n 1 && sed -n s/^time=//p $(cat ../current)/about`)
	fields := strings.Fields(said)
	if len(fields) != 3 || fields[0] != fields[1] {
		t.problem("C5: node %s: the current generation is not the last one: %q", node, said)
		return
	}
	if c.before == c.after && !strings.HasPrefix(fields[2], c.what) {
		t.problem("the fault was not injected: node %s confirmed at %s", node, fields[2])
	}
	t.notef("node %s: the clock %s, confirmed at %s", node, c.what, fields[2])
}
