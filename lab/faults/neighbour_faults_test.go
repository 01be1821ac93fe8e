//go:build faults

package faults

import "strings"

// holdLocks holds the locks of dpkg and apt as they do themselves, for as
// long as its unit runs.
const holdLocks = `systemd-run --quiet --collect --unit=fault-dpkg python3 -c '
import fcntl, time
held = [open(p, "w") for p in ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock")]
for f in held: fcntl.lockf(f, fcntl.LOCK_EX)
open("/run/fault-held", "w").close()
time.sleep(300)' && for i in $(seq 50); do [ -e /run/fault-held ] && exit 0; sleep 0.1; done; exit 1`

func neighbourFaults() []fault {
	return []fault{
		{id: "F3a", name: "a package manager is at work on every node", count: 3, fast: 1, inject: busyPackages},
		{id: "F3b", name: "a generation has lines and files of another kplb", count: 2, inject: otherGeneration},
		{id: "F3c", name: "a change of another kplb is awaiting confirmation", count: 2, fast: 1, inject: otherPending},
	}
}

// busyPackages has nothing to install, and must not wait.
func busyPackages(t *trial) {
	for _, n := range []string{"1", "2", "3"} {
		t.harm(n, holdLocks)
		t.later(func() { t.on(n, "systemctl stop fault-dpkg; rm -f /run/fault-held") })
	}
	o := t.apply()
	o.wait(patience)
	t.op = o
	t.wants(0)
	if took := o.ended.Sub(o.began); took > 3*t.usual+window/2 {
		t.problem("F3: the apply took %.1f s, not about %.1f s", took.Seconds(), t.usual.Seconds())
	}
}

func otherGeneration(t *trial) {
	node := nodeNumber(t.k)
	t.harm(node, `cd /var/lib/kplb/generations && cp -a $(cat ../current) /root/generation && cd $(cat ../current) &&
		echo 'schema=9' >>about && echo 'link /etc/elsewhere' >>index && echo new >unheard-of`)
	o := t.apply()
	o.wait(patience)
	t.op = o
	t.wants(0)
	history := t.start("history", "-i", t.to.file)
	if code := history.wait(patience); code != 0 {
		t.problem("F3: kplb history ends with %d: %s", code, history.all())
	}
	back := t.start("rollback", "-i", t.to.file, "--yes", "--confirm-timeout", window.String())
	t.all = append(t.all, back)
	if code := back.wait(patience); code != 3 || !strings.Contains(back.all(), nodeName(node)+": ") || !strings.Contains(back.all(), "was edited since it was confirmed") {
		t.problem("F3: a rollback to an edited generation ends with %d: %s", code, back.all())
	}
	t.on(node, "rm -rf /root/generation")
}

// otherPending wants a change that is not ours to be left alone.
func otherPending(t *trial) {
	t.quick = true
	node := nodeNumber(t.k)
	t.harm(node, "mkdir -p /var/lib/kplb/pending/parts && echo somebody, kplb 9 >/var/lib/kplb/pending/about && echo 9 >/var/lib/kplb/pending/schema")
	o := t.apply()
	o.wait(patience)
	t.op = o
	t.wants(3)
	if !strings.Contains(o.all(), nodeName(node)) || !strings.Contains(o.all(), "somebody, kplb 9") {
		t.problem("F3: kplb does not say whose change waits on node %s", node)
	}
	if t.on(node, "cat /var/lib/kplb/pending/schema") != "9\n" {
		t.problem("F3: the other one's change was touched")
	}
	t.on(node, "rm -rf /var/lib/kplb/pending")
}
