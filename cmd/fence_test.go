package cmd

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/rollout/rollouttest"
)

var (
	identities = regexp.MustCompile(`\([0-9a-f]{8}, generation (\d+), by \S+@\S+, 2000-01-01T00:00:0\dZ\)`)
	identity   = regexp.MustCompile(`"id": "[0-9a-f]{32}"`)
)

// fenced is a record that keeps a kplb from changes, and what it says.
type fenced struct{ record, want string }

// said is that without the node and the hint.
func (f fenced) said() string {
	first, _, _ := strings.Cut(f.want, "\n")
	return strings.TrimPrefix(first, "kplb: node-2: ")
}

// TestNewerRecord: what a later kplb has made, no older one changes.
func TestNewerRecord(t *testing.T) {
	const later = "kplb: node-2: /var/lib/kplb/generations/1/record: written by kplb v9.1.0, format 2; this kplb knows up to format 1\nkplb: hint: use kplb v9.1.0 or a later one\n"
	for name, c := range map[string]fenced{
		"a later format":                  {`{"format": 2, "kplb": "v9.1.0", "soul": {"x": [1]}}`, later},
		"a later format, with our fields": {"", later},
		"a record that is none": {`{"format": 1}`, "kplb: node-2: /var/lib/kplb/generations/1/record: is no record: kplb \"\" is not a version\n" +
			"kplb: hint: if the file was damaged, remove it from the node, then apply: it gets the others' record\n"},
		"half of one": {`{"format": 1, "kplb": "v1`, "kplb: node-2: /var/lib/kplb/generations/1/record: is no record: unexpected end of JSON input\n" +
			"kplb: hint: if the file was damaged, remove it from the node, then apply: it gets the others' record\n"},
	} {
		t.Run(name, func(t *testing.T) {
			atDesk(t, func(d *desk) {
				d.kplb("apply", "--yes").ends(0)
				d.Change("node-2", func(n *rollouttest.Node) {
					text := c.record
					if text == "" {
						text = strings.NewReplacer(`"format": 1`, `"format": 2`, `"kplb": "(devel)"`, `"kplb": "v9.1.0"`).Replace(string(rollouttest.Record(n)))
					}
					rollouttest.Rerecord(n, []byte(text))
				})
				d.write(retuned)
				for _, args := range [][]string{{"diff"}, {"apply", "--yes"}, {"rollback", "--yes"}, {"rollback", "--yes", "--to", "0"}, {"remove", "--yes"}} {
					d.refuses(c.want, args...)
				}
				d.kplb("confirm").ends(exitUnchanged, c.want)
				d.kplb("drill", "--yes").ends(exitUnchanged, c.want)
				d.kplb("doctor").ends(exitNo, c.said())
				d.kplb("verify").ends(exitNo, "files are as rendered: "+c.said())
			})
		})
	}
}

// TestNewerChange: a change of a later kplb that waits is not for an older one to confirm, or
// to take back.
func TestNewerChange(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		d.write(retuned)
		done := make(chan outcome)
		go func() { done <- d.kplb("apply", "--yes", "--wait") }()
		time.Sleep(30 * time.Second)
		for _, name := range three {
			d.Change(name, func(n *rollouttest.Node) { rollouttest.RerecordPending(n, []byte(`{"format": 2, "kplb": "v9.1.0"}`)) })
		}
		for _, args := range [][]string{{"confirm"}, {"rollback", "--yes"}, {"apply", "--yes"}} {
			d.kplb(args...).ends(exitUnchanged, "node-2: /var/lib/kplb/pending/record: written by kplb v9.1.0, format 2; this kplb knows up to format 1", "use kplb v9.1.0 or a later one")
		}
		for _, name := range three {
			d.Change(name, func(n *rollouttest.Node) { n.Revert("timer") })
		}
		(<-done).ends(exitUnchanged, "every node is as before")
		same(d.t, "is taken back", d.connections("node-2") == "5000", false)
	})
}

// TestUnknownPaths: files in kplb's places that this kplb does not know stay, and are told.
func TestUnknownPaths(t *testing.T) {
	const said = "kplb: node-2: /etc/keepalived/kplb-new, /etc/systemd/system/kplb-new.timer: not known to this kplb, and left alone: a later one has made it, or somebody by hand\n"
	atDesk(t, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		d.Change("node-2", func(n *rollouttest.Node) {
			n.Files["/etc/keepalived/kplb-new"] = rollouttest.File{Mode: 0o755, Content: []byte("#!/bin/sh\n")}
			n.Files["/etc/systemd/system/kplb-new.timer"] = rollouttest.File{Mode: 0o644, Content: []byte("[Timer]\n")}
		})
		d.kplb("diff").says(0, d.kplb("diff").stdout, said)
		d.write(retuned)
		d.kplb("apply", "--yes").ends(0, said)
		d.kplb("rollback", "--yes").ends(0, said)
		d.kplb("remove", "--yes").ends(0, said)
		d.Change("node-2", func(n *rollouttest.Node) {
			same(d.t, "it stays", string(n.Files["/etc/keepalived/kplb-new"].Content), "#!/bin/sh\n")
			same(d.t, "it stays", string(n.Files["/etc/systemd/system/kplb-new.timer"].Content), "[Timer]\n")
		})
	})
}
