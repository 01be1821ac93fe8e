//go:build faults

package faults

import (
	"maps"
	"strings"
	"time"
)

func fileFaults() []fault {
	return []fault{
		{id: "C3a", name: "a file edited by hand during the rollout", count: 12, fast: 1, inject: editedMeanwhile},
		{id: "C3b", name: "a file edited by hand before it: drift", count: 7, fast: 1, inject: editedBefore},
	}
}

// editedMeanwhile edits one file once, somewhere in the rollout. The edit may
// be refused, overwritten, or survive on top of either generation; all other
// files are of one.
func editedMeanwhile(t *trial) {
	node, path := nodeNumber(t.k), managed[t.k%3]
	o := t.apply()
	time.Sleep(t.moment())
	t.on(node, "echo '# by hand' >>"+path)
	o.wait(patience)
	t.op = nil // judged here: an edit is no generation
	t.extra = time.Second
	if !t.settle() {
		return
	}
	l := t.ends[node]
	old, planned := maps.Clone(t.from.trees[node]), maps.Clone(t.to.trees[node])
	edited := ""
	for _, g := range []tree{old, planned} {
		was := g[path]
		g[path] = l.files[path]
		if len(l.files.against(g)) == 0 && l.files[path] != was {
			t.tolerate[node], edited = l.files, "and it survives"
		}
	}
	t.notef("node %s: %s after %.2f s, kplb ended with %d %s", node, path, t.moment().Seconds(), o.code, edited)
	text := t.on(node, "cat "+path)
	if strings.Count(text, "# by hand") > 1 || strings.Contains(text, "# by hand") && !strings.HasSuffix(text, "# by hand\n") {
		t.problem("C3: %s is mixed", path)
	}
	if o.code == 3 || o.code == 0 {
		t.op = o
	}
	if edited != "" { // a person cleans up after himself; his clean-up is no repair of kplb's
		t.on(node, "sed -i '/^# by hand$/d' "+path)
		if t.on(node, "cmp -s "+path+" /dev/null && echo empty") != "" {
			t.problem("C3: %s is empty", path)
		}
		// keepalived and haproxy read it again, as it was before the edit
		t.on(node, "systemctl reload haproxy keepalived; sleep 1")
	}
}

func editedBefore(t *trial) {
	t.quick = true
	node, path := nodeNumber(t.k), managed[t.k%len(managed)]
	t.on(node, "cp -a "+path+" /root/aside && echo '# by hand' >>"+path)
	o := t.apply()
	o.wait(patience)
	t.op = o
	t.wants(3)
	if !strings.Contains(o.all(), path+" was edited by hand") {
		t.problem("C3: kplb does not say that %s was edited", path)
	}
	t.on(node, "mv /root/aside "+path)
}
