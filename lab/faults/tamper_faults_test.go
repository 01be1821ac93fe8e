//go:build faults

package faults

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

func tamperFaults() []fault {
	return []fault{
		{id: "N1", name: "a saved plan that is edited, stale, cut short, old or another cluster's", count: 10, fast: 5, inject: tamperedPlan},
		{id: "N2", name: "a generation is gone, or half of it", count: 4, fast: 1, inject: tamperedGeneration},
		{id: "N3", name: "the way back is deleted while a change waits, or half of it", count: 6, fast: 2, inject: lostPending, own: true},
	}
}

// tamperedPlan saves a plan, and has something happen to it or to what it
// was made from.
func tamperedPlan(t *trial) {
	t.quick = true
	plan := filepath.Join(t.dir, strings.ReplaceAll(t.name, "/", "-")+".json")
	o := t.start("diff", "-i", t.to.file, "-o", plan)
	if o.wait(patience); o.code != 1 {
		t.problem("N: kplb diff -o ended with %d", o.code)
		return
	}
	data, err := os.ReadFile(plan)
	if err != nil {
		t.problem("N: %v", err)
		return
	}
	text := string(data)
	// the first checksum of a planned file
	at := strings.Index(text, `"after"`)
	node := nodeNumber(t.k)
	variants := []struct {
		what string
		do   func()
	}{
		{"a checksum edited", func() { text = text[:at+12] + "0000" + text[at+16:] }},
		{"another cluster's", func() { text = strings.Replace(text, `"cluster": "lab"`, `"cluster": "other"`, 1) }},
		{"cut short", func() { text = text[:len(text)/2] }},
		{"of an older version", func() { text = strings.Replace(text, "kplb/v1alpha1", "kplb/v0", 1) }},
		{"stale: a file was changed on a node", func() {
			t.on(node, "cp -a /etc/haproxy/haproxy.cfg /root/aside && sed -i 's/retries 3/retries 4/' /etc/haproxy/haproxy.cfg")
			t.later(func() { t.on(node, "mv /root/aside /etc/haproxy/haproxy.cfg") })
		}},
	}
	v := variants[t.k%len(variants)]
	v.do()
	t.write(filepath.Base(plan), text)
	args := []string{"apply", plan, "--yes", "--overwrite-drift", "--confirm-timeout", window.String()}
	apply := t.start(args...)
	t.all = append(t.all, apply)
	apply.wait(patience)
	t.op = apply
	t.wants(2, 3)
	if apply.code == 2 {
		t.op = nil
	}
	t.notef("%s: kplb ended with %d", v.what, apply.code)
	t.mend()
}

// tamperedGeneration wants a rollback to what is not whole to be refused.
func tamperedGeneration(t *trial) {
	t.quick = true
	node := nodeNumber(t.k)
	t.on(node, "cp -a /var/lib/kplb/generations /root/generations && cd /var/lib/kplb/generations && last=$(cat ../current) && previous=$((last - 1)) && "+
		[]string{"rm -rf $previous", "rm $previous/files/etc/haproxy/haproxy.cfg", "rm $previous/index", ": >$previous/files/etc/keepalived/keepalived.conf"}[t.k%4])
	t.later(func() {
		t.on(node, "rm -rf /var/lib/kplb/generations && mv /root/generations /var/lib/kplb/generations")
	})
	o := t.start("rollback", "-i", t.from.file, "--yes", "--confirm-timeout", window.String())
	t.all = append(t.all, o)
	o.wait(patience)
	t.op = o
	t.notef("node %s: variant %d: kplb ended with %d", node, t.k%4, o.code)
	t.wants(3)
}

// lostPending takes the way back away from under a rollout: what is said must
// still be true, and the next apply must mend it.
func lostPending(t *trial) {
	node := nodeNumber(t.k)
	what := []string{"", "/old/index", "/old/files/etc/haproxy/haproxy.cfg", "/txn"}[t.k%4]
	o := t.apply()
	o.hears(nodeName(node) + ": haproxy and keepalived")
	// at once: what a daemon's step writes meanwhile does not stay
	t.on(node, "mv /var/lib/kplb/pending"+what+" /root/lost && rm -rf /root/lost")
	if strings.HasPrefix(what, "/old") { // what is proven does not need it
		o.signal(syscall.SIGINT)
	}
	o.wait(patience)
	t.op = o
	t.notef("node %s without pending%s, kplb ended with %d", node, what, o.code)
	t.wants(4, 130)
	if !strings.Contains(o.all(), "stopped: "+nodeName(node)+" is changed: the way back") {
		t.problem("N: kplb does not say that node %s has lost its way back", node)
	}
	t.converge()
	t.settle()
}
