package report

import (
	"bytes"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/member"
	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/verdict"
)

// TestWriteProof: a line for each check, with its hint; or all of it as JSON.
func TestWriteProof(t *testing.T) {
	t.Parallel()
	proof := &verdict.Proof{Holder: "node-1", Checks: []verdict.Check{
		{What: "10.1.233.1 is held", OK: true, Detail: "by node-1"},
		{Node: "node-2", What: "haproxy", Detail: "inactive", Hint: "look at its log"},
	}}
	for format, want := range map[string]string{
		"text": "ok  10.1.233.1 is held: by node-1\nNO  node-2: haproxy: inactive\n    hint: look at its log\n",
		"json": `{
  "ok": false,
  "checks": [
    {
      "check": "10.1.233.1 is held",
      "ok": true,
      "detail": "by node-1"
    },
    {
      "node": "node-2",
      "check": "haproxy",
      "ok": false,
      "detail": "inactive",
      "cure": "look at its log"
    }
  ],
  "holder": "node-1"
}
`,
	} {
		var out bytes.Buffer
		if err := WriteProof(&out, proof, format); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, out.String()); d != "" {
			t.Errorf("%s (-want +got):\n%s", format, d)
		}
	}
	if err := WriteProof(brokenPipe{}, proof, "text"); err == nil {
		t.Error("nobody reads it, and nothing is said")
	}
}

// TestWriteHistory marks the generation that is in use, and who was not asked.
func TestWriteHistory(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := WriteHistory(&out, rollout.History{Generations: []member.Generation{
		{Number: 0, By: "as it was before kplb"},
		{Number: 1, Time: "2026-11-30T10:05:00Z", By: "ann@desk, pid 7"},
		{Number: 2, Time: "2026-11-30T10:06:00Z", By: "ann@desk", Version: "v1.0.0", Current: true, Changed: []string{"node node-3 added", "on node-3: /etc/a"}, Missing: []string{"node-1"}},
	}, Unreachable: map[string]string{"node-2": "is not reachable"}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `GENERATION   TIME                  BY                     KPLB    CHANGED
0                                  as it was before kplb          
1            2026-11-30T10:05:00Z  ann@desk, pid 7                not known: made by a kplb that kept no record
2 (current)  2026-11-30T10:06:00Z  ann@desk               v1.0.0  node node-3 added
                                                                  on node-3: /etc/a
                                                                  not on node-1
node-2: no answer: is not reachable
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Error(d)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestSame: a saved plan is carried out as it was shown, or refused with what has changed.
func TestSame(t *testing.T) {
	t.Parallel()
	file := func(before, after string) []File { return []File{{Path: "/etc/x", Before: before, After: after}} }
	saved := Plan{Nodes: []Node{{Node: "node-1", Files: file("a", "b")}, {Node: "node-2"}}, LeftOut: []LeftOut{{Node: "node-3"}}}
	for want, now := range map[string]Plan{
		"": saved,
		"node-1: the plan is stale: /etc/x has changed on the node since":                               {Nodes: []Node{{Node: "node-1", Files: file("c", "b")}, {Node: "node-2"}}},
		"node-1: the plan is stale: the inventory or a template would now make another /etc/x":          {Nodes: []Node{{Node: "node-1", Files: file("a", "c")}, {Node: "node-2"}}},
		"node-1: the plan is stale: /etc/x is as planned already":                                       {Nodes: []Node{{Node: "node-1"}, {Node: "node-2"}}},
		"node-2: the plan is stale: /etc/x has changed on the node, or in the inventory, since":         {Nodes: []Node{saved.Nodes[0], {Node: "node-2", Files: file("a", "b")}}},
		"node-2: the plan is stale: it would now do: haproxy: starts":                                   {Nodes: []Node{saved.Nodes[0], {Node: "node-2", Consequences: []string{"haproxy: starts"}}}},
		"node-2: the plan is stale: the node is no longer in the inventory":                             {Nodes: saved.Nodes[:1]},
		"node-2: the plan is stale: it does not leave the node out, which cannot be reached now":        {Nodes: saved.Nodes[:1], LeftOut: []LeftOut{{Node: "node-2"}}},
		"node-3: the plan is stale: it leaves the node out, which can be reached now":                   {Nodes: append(saved.Nodes[:2:2], Node{Node: "node-3"})},
		"home: the plan is stale: the cluster's ConfigMaps have changed, or would be changed otherwise": {Cluster: "home", Nodes: saved.Nodes, Objects: []Object{{}}},
	} {
		got := ""
		if err := saved.Same(now); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
