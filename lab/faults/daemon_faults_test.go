//go:build faults

package faults

import (
	"strings"

	"github.com/kplb/kplb/lab/machines"
)

// broken is a daemon that fails in one way, by a drop-in that only the fault
// knows. With once, only the first time: the way back finds it well.
type broken struct{ unit, reload string }

var brokenDaemons = []broken{
	{"haproxy", "/bin/true"}, // never gets a new worker
	{"haproxy", "/bin/false"},
	{"haproxy", "/bin/sh -c 'kill -USR2 $MAINPID; (sleep 0.6; kill -KILL $MAINPID) &'"},
	{"haproxy", "/bin/sh -c 'kill -KILL $MAINPID'"},
	{"keepalived", "/bin/false"},
	{"keepalived", "/bin/sh -c 'kill -HUP $MAINPID; (sleep 0.6; kill -KILL $MAINPID) &'"},
	{"keepalived", "/bin/sh -c 'kill -KILL $MAINPID'"},
}

func daemonFaults() []fault {
	return []fault{
		{id: "E1", name: "haproxy or keepalived fails its reload, or dies a moment after it", count: 14, fast: 1, inject: failingDaemon},
		{id: "E4", name: "systemd: a unit is masked, or its reload hangs for 6 s", count: 4, fast: 1, inject: strangeUnit},
		{id: "E5", name: "the VIP is blocked: only the last proof fails", count: 4, fast: 1, inject: blockedVIP},
		{id: "D1", name: "haproxy.cfg that must not go live, under load through the VIP", count: len(badHAProxy), fast: 6, alone: true, inject: badTemplate("haproxy.cfg.tmpl", badHAProxy)},
		{id: "D2", name: "keepalived.conf that must not go live, under load through the VIP", count: len(badKeepalived), fast: 4, alone: true, inject: badTemplate("keepalived.conf.tmpl", badKeepalived)},
	}
}

// misbehave makes the reload of a unit go wrong once.
func (t *trial) misbehave(node string, b broken) {
	dropin := "/run/systemd/system/" + b.unit + ".service.d"
	t.on(node, "mkdir -p "+dropin+" && printf '#!/bin/sh\\nif rm /run/fault-armed 2>/dev/null; then exec "+
		strings.ReplaceAll(strings.ReplaceAll(b.reload, "'", `'"'"'`), "%", "%%")+"; fi\\n"+
		map[string]string{"haproxy": "kill -USR2 $MAINPID", "keepalived": "kill -HUP $MAINPID"}[b.unit]+"\\n' >/run/fault && chmod 755 /run/fault && touch /run/fault-armed && "+
		"printf '[Service]\\nExecReload=\\nExecReload=/run/fault\\n' >"+dropin+"/zz-fault.conf && systemctl daemon-reload")
	t.later(func() {
		t.on(node, "rm -rf "+dropin+"/zz-fault.conf /run/fault /run/fault-armed && systemctl daemon-reload")
	})
}

func failingDaemon(t *trial) {
	node, b := nodeNumber(t.k/len(brokenDaemons)+t.k), brokenDaemons[t.k%len(brokenDaemons)]
	t.misbehave(node, b)
	o := t.apply()
	o.wait(patience)
	t.op = o
	t.notef("node %s: %s: %s: kplb ended with %d", node, b.unit, b.reload, o.code)
	t.wants(3, 4)
	if !strings.Contains(o.all(), nodeName(node)+": "+b.unit) {
		t.problem("E1: kplb does not name %s on node %s", b.unit, node)
	}
	if o.code == 4 {
		t.problem("E1: kplb ended with 4, though every node could be told")
	}
}

func strangeUnit(t *trial) {
	node := nodeNumber(t.k)
	if t.k%2 == 0 {
		t.quick = true
		unit := []string{"haproxy", "keepalived"}[t.k/2%2]
		// masked at run time: the files under /etc are not the fault's
		t.on(node, "systemctl mask --runtime -q "+unit+" && systemctl daemon-reload")
		t.on(node, "ln -sf /dev/null /run/systemd/system.control/"+unit+".service 2>/dev/null; mkdir -p /run/systemd/system.control && ln -sf /dev/null /run/systemd/system.control/"+unit+".service && systemctl daemon-reload")
		t.later(func() {
			t.on(node, "rm -f /run/systemd/system.control/"+unit+".service; systemctl unmask --runtime -q "+unit+"; systemctl daemon-reload")
		})
		o := t.apply()
		o.wait(patience)
		t.op = o
		t.notef("node %s: %s masked, kplb ended with %d", node, unit, o.code)
		t.wants(3)
		return
	}
	t.misbehave(node, broken{"haproxy", "/bin/sh -c 'sleep 6; kill -USR2 $MAINPID'"})
	o := t.apply()
	o.wait(patience)
	t.op = o
	t.notef("node %s: the reload takes 6 s, kplb ended with %d", node, o.code)
	t.wants(0)
}

// blockedVIP drops what goes to the VIP on every node, so that all is well
// but for the proof.
func blockedVIP(t *trial) {
	for _, n := range machines.Nodes {
		t.harm(n, "nft add table inet fault && nft add chain inet fault in '{ type filter hook input priority 0; }' && "+
			"nft add rule inet fault in ip daddr "+vip+" tcp dport 6443 "+[]string{"drop", "reject with tcp reset"}[t.k%2])
		t.later(func() { t.on(n, "nft delete table inet fault") })
	}
	before := map[string]string{}
	for _, n := range machines.Nodes {
		before[n] = t.incarnation(n)
	}
	o := t.apply("--proof-timeout", "3s")
	o.wait(patience)
	t.op = o
	t.wants(3)
	for _, n := range machines.Nodes { // a restart would have moved the VIP
		if now := t.incarnation(n); now != before[n] {
			t.problem("E5: node %s: keepalived was started anew, by the change or by the way back", n)
		}
	}
	if !strings.Contains(o.all(), "not proven: /healthz on "+vip+":6443") {
		t.problem("E5: kplb does not say that the proof through the VIP failed")
	}
	t.notef("kplb ended with %d", o.code)
}

// incarnation is another one after each start of keepalived, and the same one
// after a reload.
func (t *trial) incarnation(n string) string {
	return t.on(n, "systemctl show --value --property=InvocationID keepalived")
}
