package rollout

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kplb/kplb/node"
)

// TestStageScript pins the lines that stage.sh reads.
func TestStageScript(t *testing.T) {
	t.Parallel()
	r := rolloutOf(t, home)
	r.txn, r.token, r.Operator = "txn1", "token1", "ann@desk, pid 7"
	facts := all(t, r, applied)
	f := facts["node-2"]
	edit(f, "/etc/haproxy/haproxy.cfg", "leastconn", "roundrobin")
	delete(f.Files, "/etc/keepalived/kplb-check")
	n := planOf(t, r, facts).of("node-2")
	was := f.Files["/etc/haproxy/haproxy.cfg"]
	gone := Change{Remove: true, Owner: "0:0", Was: &was}
	gone.Path, gone.Mode = "/etc/old", 0o600
	n.Changes = append(n.Changes, gone)
	r.window = 90_500_000_000
	s := r.stageScript(n)
	same(t, "files", s.Vars["KPLB_FILES"],
		"file0 644 0:0 "+hash(was.Content)+" "+hash(n.Changes[0].Content)+" /etc/haproxy/haproxy.cfg\n"+
			"file1 755 0:0 absent "+hash(n.Changes[1].Content)+" /etc/keepalived/kplb-check\n"+
			"file2 600 0:0 "+hash(was.Content)+" absent /etc/old\n")
	same(t, "content", string(s.Files["file1"]), string(n.Changes[1].Content))
	same(t, "window", s.Vars["KPLB_WINDOW"], "90")
	same(t, "the way back", bytes.Equal(s.Files["restore"], node.RestoreProgram()), true)
	same(t, "carrying it out", r.transactScript().Vars, map[string]string{"KPLB_TXN": "txn1", "KPLB_TOKEN": "token1"})
	for name, value := range s.Vars {
		if strings.Contains(value, "balance") {
			t.Errorf("%s has a file's content, which belongs into Files", name)
		}
	}
}
