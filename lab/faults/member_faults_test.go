//go:build faults

package faults

import (
	"strings"
	"syscall"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

// memberFaults are about whose nodes are: versions of kplb that do not know each other's
// records, and members that go, come, are off and return.
func memberFaults() []fault {
	return []fault{
		{id: "V1", name: "a node has a record of a later kplb: every command that changes something", count: 6 * 3, fast: 1, inject: laterRecord},
		{id: "V2", name: "a node has files, units or drop-ins of a later kplb", count: 8, fast: 1, inject: laterFiles},
		{id: "V3", name: "records or generations are lost, or an older kplb has made them", count: 12, fast: 1, inject: lostRecords},
		{id: "W1", name: "a member leaves the inventory and comes back, with a fault in the middle", count: 3 * 6, fast: 1, inject: leavesAndComes},
		{id: "W2", name: "a member is off while something changes, and returns", count: 3 * 4, fast: 1, inject: offAndReturns},
	}
}

// aside keeps what a node has of kplb's own data, and gives it back.
func (t *trial) aside(node string) {
	t.harm(node, "rm -rf /root/kplb && cp -a /var/lib/kplb /root/kplb")
	t.later(func() { t.on(node, "rm -rf /var/lib/kplb && mv /root/kplb /var/lib/kplb") })
}

const record = "/var/lib/kplb/generations/$(cat /var/lib/kplb/current)/record"

// laterRecord wants every command to refuse, and to say which kplb is needed.
func laterRecord(t *trial) {
	t.quick = true
	commands := []string{"apply --yes", "diff", "rollback --yes", "remove --yes", "confirm", "drill --yes --fault haproxy-stopped --for 2s"}
	node, command := nodeNumber(t.k), commands[t.k/3%len(commands)]
	t.aside(node)
	t.harm(node, `sed -i 's/"format": 1/"format": 2/; s/"kplb": "[^"]*"/"kplb": "v9.1.0"/' `+record+` && grep -q v9.1.0 `+record)
	o := t.other(command, t.from.file) // what is there: a drill proves it first
	o.wait(patience)
	t.op = o
	t.wants(3)
	if want := nodeName(node) + ": "; !strings.Contains(o.all(), want) || !strings.Contains(o.all(), "written by kplb v9.1.0, format 2") {
		t.problem("V: kplb %s does not say which kplb is needed", command)
	}
	t.notef("node %s: kplb %s", node, command)
}

// laterFiles wants what this kplb does not know to be left alone, and told.
func laterFiles(t *trial) {
	node := nodeNumber(t.k)
	path := []string{"/etc/keepalived/kplb-new", "/etc/haproxy/kplb-new.map", "/etc/systemd/system/kplb-new.timer", "/etc/systemd/system/keepalived.service.d/20-kplb-new.conf"}[t.k/3%4]
	dir := path[:strings.LastIndexByte(path, '/')]
	t.harm(node, "mkdir -p "+dir+" && printf '# new\\n' >"+path)
	before := t.on(node, "sha256sum "+path+"; stat -c '%a %u:%g %i %Y' "+path)
	o := t.apply()
	o.wait(patience)
	t.op = o
	t.wants(0)
	if !strings.Contains(o.all(), nodeName(node)+": "+path+": not known to this kplb, and left alone") {
		t.problem("V: kplb does not say that it leaves %s on node %s alone", path, node)
	}
	if now := t.on(node, "sha256sum "+path+"; stat -c '%a %u:%g %i %Y' "+path); now != before {
		t.problem("V: %s was %q and is %q", path, before, now)
	}
	t.on(node, "rm "+path+"; rmdir "+dir+" 2>/dev/null; true")
	t.notef("node %s: %s", node, path)
}

// lostRecords wants an apply to give nodes what they lack, and never to guess.
func lostRecords(t *trial) {
	node := nodeNumber(t.k)
	const older = "rm -f /var/lib/kplb/generations/*/record /var/lib/kplb/generations/*/sums"
	switch t.k / 3 % 4 {
	case 0:
		for _, n := range machines.Nodes {
			t.harm(n, older)
		}
		t.notef("no node has a record")
	case 1:
		t.harm(node, older)
		t.notef("node %s has none", node)
	case 2:
		t.harm(node, "rm "+record)
		t.notef("node %s has none of the current generation", node)
	case 3:
		t.harm(node, "rm -rf /var/lib/kplb")
		t.notef("node %s has lost all", node)
	}
	o := t.apply()
	o.wait(patience)
	t.op = o
	t.wants(0)
}

// without is the inventory of t.to without a node.
func (t *trial) without(node string) string {
	text := strings.Replace(t.text(t.to), "  - {name: "+nodeName(node)+", address: 10.1.1."+node+"}\n", "", 1)
	return t.write("without-"+node+".yaml", text)
}

// leaveFaults happen to the apply by which a node leaves.
var leaveFaults = []struct {
	name   string
	inject func(t *trial, o *operator, leaver, other string)
}{
	{"nothing", func(*trial, *operator, string, string) {}},
	{"the operator is killed when the node has been restored", func(_ *trial, o *operator, leaver, _ string) {
		o.hears(nodeName(leaver) + ": changed")
		o.signal(syscall.SIGKILL)
	}},
	{"the operator is interrupted while the others change", func(_ *trial, o *operator, _, other string) {
		o.hears(nodeName(other) + ": changed")
		o.signal(syscall.SIGINT)
	}},
	{"the leaving node loses its power", func(t *trial, o *operator, leaver, _ string) {
		o.hears("installing files")
		t.lightsOut(leaver)
		time.Sleep(time.Second)
	}},
	{"another node loses its power", func(t *trial, o *operator, _, other string) {
		o.hears("installing files")
		t.lightsOut(other)
		time.Sleep(time.Second)
	}},
	{"another node's link is cut", func(t *trial, o *operator, _, other string) {
		o.hears("installing files")
		t.watch.excuse(other)
		t.verb("cut", other)
		t.later(func() { t.verb("mend", other) })
		time.Sleep(3 * time.Second)
	}},
}

// leavesAndComes wants a cluster that comes to rest with one holder, and that takes the
// node back.
func leavesAndComes(t *trial) {
	leaver, other, f := nodeNumber(t.k), nodeNumber(t.k+1), leaveFaults[t.k/3%len(leaveFaults)]
	o := t.start("apply", "-i", t.without(leaver), "--yes", "--confirm-timeout", window.String(), "--proof-timeout", "20s", "--connect-timeout", "3s")
	t.all = append(t.all, o)
	f.inject(t, o, leaver, other)
	o.wait(patience)
	t.notef("node %s leaves: %s; kplb ended with %d", leaver, f.name, o.code)
	t.mend()
	t.rest("W1")
	t.returns()
}

// offAndReturns wants what would clash with the node that is off to be refused, and the
// rest to be done without it.
func offAndReturns(t *trial) {
	off, other, variant := nodeNumber(t.k), nodeNumber(t.k+1), t.k/3%4
	if variant == 3 { // every node has the generation to go back to: a gap is refused
		for _, g := range []*generation{t.to, t.from} {
			t.must("apply", "-i", g.file, "--yes")
		}
	}
	t.lightsOut(off)
	run := func(code int, says, line, file string) {
		o := t.other(line, file)
		o.wait(patience)
		t.notef("node %s is off: kplb %s ended with %d", off, line, o.code)
		if o.code != code || !strings.Contains(o.all(), says) {
			t.problem("W2: kplb %s with node %s off ended with %d, not %d, or does not say %q", line, off, o.code, code, says)
		}
	}
	const leaving = "apply --yes --allow-unreachable --confirm-timeout 10s"
	switch variant {
	case 0:
		run(0, nodeName(off)+": left out", leaving, t.to.file)
	case 1:
		another := t.write("another-vrid.yaml", strings.Replace(t.text(t.to), "vrrp: {", "vrrp: {virtualRouterID: 99, ", 1))
		run(3, nodeName(off)+": it is away", leaving, another)
	case 2:
		run(3, "can be reached, and 2 are needed", leaving, t.without(other))
	case 3:
		run(0, nodeName(off)+": left out", "rollback --yes --allow-unreachable --confirm-timeout 10s", t.to.file)
	}
	t.mend()
	t.rest("W2")
	t.returns()
}

// rest waits until no node has anything under way, and wants one holder then. Where an
// apiserver restarts, the window of a node is minutes longer than that of the apply.
func (t *trial) rest(class string) {
	for deadline := time.Now().Add(window + outlast + 5*time.Minute); ; time.Sleep(300 * time.Millisecond) {
		busy := append(t.waiting(), t.lookAround()...)
		if len(busy) == 0 && len(t.watch.down()) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.problem("%s: the nodes do not come to rest: %s", class, strings.Join(busy, "; "))
			return
		}
	}
	t.oneHolder()
}

// returns applies the whole inventory again, whose verdict counts.
func (t *trial) returns() {
	o := t.apply()
	o.wait(patience)
	t.op = o
	t.wants(0)
}
