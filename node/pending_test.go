package node

import "testing"

// TestPendingAndRestored reads the small files that kplb keeps on a node, whatever
// is in them.
func TestPendingAndRestored(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name                          string
		files                         map[string]string
		generation, restored, pending string
	}{
		{"none", nil, "", "", ""},
		{"a generation", map[string]string{"current": "12\n"}, "12", "", ""},
		{"a change waits", map[string]string{"pending/txn": "abc\n", "pending/about": "ann@desk, cluster home\n"}, "", "", "ann@desk, cluster home"},
		{
			"taken back", map[string]string{"restored": "reason=timer\ntime=2026-11-20T20:00:00Z\nabout=ann@desk, cluster home\n"},
			"", "a change (ann@desk, cluster home) was taken back at 2026-11-20T20:00:00Z: timer", "",
		},
		{"a note without a reason", map[string]string{"restored": "time=now\n"}, "", "", ""},
		{
			"control characters", map[string]string{
				"current": "1" + esc + "2\n", "pending/txn": "", "pending/about": "an" + esc + "n\x07\n", "restored": "reason=ti" + esc + "mer\nabout=\x9b31m\u202ebob\ntime=\x00",
			},
			"12", "a change (\ufffd31mbob) was taken back at : timer", "ann",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := &Facts{Files: map[string]File{}}
			for name, content := range c.files {
				f.Files[basePath+"/"+name] = File{Mode: 0o600, Content: []byte(content)}
			}
			pending, waits := f.Pending()
			same(t, "generation", f.Generation(), c.generation)
			same(t, "restored", f.Restored(), c.restored)
			same(t, "pending", pending.About, c.pending)
			_, want := c.files["pending/txn"]
			same(t, "waits", waits, want)
		})
	}
}
