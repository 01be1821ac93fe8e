package rollout

import (
	"testing"

	"github.com/kplb/kplb/member"
)

func TestHistory(t *testing.T) {
	t.Parallel()
	f := newFleet(t, applied)
	for _, name := range []string{"node-1", "node-3"} {
		f.Nodes[name].Save("0", f.Nodes[name].Facts)
	}
	f.Nodes["node-3"].Save("10", f.Nodes["node-3"].Facts)
	f.Nodes["node-3"].Save("9", f.Nodes["node-3"].Facts)
	put(f.Nodes["node-3"].Facts, basePath+"/current", 0o600, []byte("10\n"))
	list, err := f.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const at, about = "2026-11-20T20:00:00Z", "ann, cluster home"
	same(t, "history", list, History{Generations: []member.Generation{
		{Number: 0, Time: at, By: about, Changed: []string{}, Missing: []string{"node-2"}},
		{Number: 9, Time: at, By: about, Changed: []string{}, Missing: []string{"node-1", "node-2"}},
		{Number: 10, Time: at, By: about, Current: true, Changed: []string{}, Missing: []string{"node-1", "node-2"}},
	}})
}
