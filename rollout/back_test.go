package rollout

import "testing"

func TestHistory(t *testing.T) {
	t.Parallel()
	f := newFleet(t, applied)
	for _, name := range []string{"node-1", "node-3"} {
		f.nodes[name].save("0", f.nodes[name].facts)
	}
	f.nodes["node-3"].save("10", f.nodes["node-3"].facts)
	f.nodes["node-3"].save("9", f.nodes["node-3"].facts)
	put(f.nodes["node-3"].facts, basePath+"/current", 0o600, []byte("10\n"))
	list, err := f.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const at, about = "2026-11-20T20:00:00Z", "ann, cluster home"
	same(t, "history", list, []Generation{
		{"node-1", 0, at, about, false}, {"node-3", 0, at, about, false}, {"node-3", 9, at, about, false}, {"node-3", 10, at, about, true},
	})
}
