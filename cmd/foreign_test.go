package cmd

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kplb/kplb/rollout/rollouttest"
)

const (
	ingressConfig = "frontend ingress-https\n    bind *:443\n    default_backend web\nbackend web\n    server a 10.1.1.4:443\n"
	secondVIP     = "vrrp_instance ingress {\n    virtual_ipaddress {\n        10.1.233.9\n    }\n}\n"
)

// withForeign has what others have made by hand on node 2: an ingress, and a VIP.
func (d *desk) withForeign() {
	d.Change("node-2", func(n *rollouttest.Node) {
		n.Files["/etc/haproxy/haproxy.cfg"] = rollouttest.File{Mode: 0o640, Content: []byte(ingressConfig)}
		n.Files["/etc/keepalived/keepalived.conf"] = rollouttest.File{Mode: 0o644, Content: []byte(secondVIP)}
		n.Files["/etc/keepalived/conf.d/more.conf"] = rollouttest.File{Mode: 0o644, Content: []byte("# included\n")}
		n.Units["haproxy"].Active, n.Units["haproxy"].Enabled = true, true
		n.Units["keepalived"].Active = true
	})
}

// files are those of node 2, but what kplb keeps for itself.
func (d *desk) files() map[string]rollouttest.File {
	out := map[string]rollouttest.File{}
	d.Change("node-2", func(n *rollouttest.Node) {
		for path, f := range n.Files {
			if !strings.HasPrefix(path, "/var/lib/kplb/") {
				out[path] = f
			}
		}
	})
	return out
}

const foreignRefused = `kplb: node-2: haproxy stops listening on *:443 (frontend ingress-https)
kplb: node-2: keepalived gives up 10.1.233.9
kplb: hint: this is not kplb's: have another file, machine or a template of yours do it, or give --replace-foreign to end it
`

// TestForeign: --yes does not end what is not kplb's; --replace-foreign does, and
// remove brings it back byte for byte.
func TestForeign(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.withForeign()
		before := d.files()
		o := d.kplb("diff").ends(exitNo, "node-2:\n",
			"  -> haproxy stops listening on *:443 (frontend ingress-https)\n  -> keepalived gives up 10.1.233.9\n")
		same(d.t, "stderr", o.stderr, "kplb: changes pending, and what is not kplb's would end: `kplb apply` refuses without --replace-foreign\n")
		same(d.t, "stderr", d.kplb("apply", "--yes").ends(exitUnchanged).stderr, foreignRefused)
		same(d.t, "stderr", d.kplbReading("yes\n", "apply").ends(exitUnchanged).stderr, foreignRefused)
		d.kplb("apply", "--yes", "--overwrite-drift").ends(exitUnchanged, "--replace-foreign")
		d.kplb("apply", "--dry-run").ends(exitNo, "keepalived gives up 10.1.233.9")
		same(d.t, "files", d.files(), before)
		same(d.t, "asked", d.Asked(), []string(nil))

		d.kplb("apply", "--replace-foreign").ends(exitUsage, "give --yes to go on without")
		d.kplb("apply", "--yes", "--replace-foreign").ends(0, "keepalived gives up 10.1.233.9")
		d.kplb("apply", "--yes").ends(0, "nothing to do")
		d.kplb("remove", "--yes").ends(0)
		same(d.t, "files", d.files(), before)
		d.Change("node-2", func(n *rollouttest.Node) {
			same(d.t, "units", map[string]rollouttest.Unit{"haproxy": *n.Units["haproxy"], "keepalived": *n.Units["keepalived"]},
				map[string]rollouttest.Unit{"haproxy": {Active: true, Enabled: true}, "keepalived": {Active: true}})
		})
	})
}

// TestForeignSaved: a saved plan knows whether what is not kplb's may end.
func TestForeignSaved(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.withForeign()
		before := d.files()
		dir := d.t.TempDir()
		careful, told := filepath.Join(dir, "careful.json"), filepath.Join(dir, "told.json")
		d.kplb("diff", "-o", careful).ends(exitNo, "`kplb apply` refuses without --replace-foreign")
		d.kplb("diff", "-o", told, "--replace-foreign").ends(exitNo, "kplb: changes pending; run `kplb apply`\n")
		same(d.t, "stderr", d.kplb("apply", "--yes", careful).ends(exitUnchanged).stderr, foreignRefused)
		same(d.t, "files", d.files(), before)
		d.kplb("apply", "--yes", told).ends(0)
		d.kplb("remove", "--yes").ends(0)
		d.kplb("apply", "--yes", "--replace-foreign", careful).ends(0)

		data, err := os.ReadFile(told)
		if err != nil {
			d.t.Fatal(err)
		}
		var saved savedPlan
		if err := json.Unmarshal(data, &saved); err != nil {
			d.t.Fatal(err)
		}
		same(d.t, "replaceForeign", saved.ReplaceForeign, true)
		same(d.t, "ends", saved.Nodes[1].Ends, []string{"haproxy stops listening on *:443 (frontend ingress-https)", "keepalived gives up 10.1.233.9"})
	})
}

// TestForeignMeanwhile: who has put an own configuration where kplb's was keeps it,
// through apply, rollback and remove.
func TestForeignMeanwhile(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		d.write(retuned)
		d.kplb("apply", "--yes").ends(0)
		d.withForeign()
		before := maps.Clone(d.files())
		for _, command := range []string{"apply", "rollback", "remove"} {
			d.kplb(command, "--yes").ends(exitUnchanged, "node-2: haproxy stops listening on *:443 (frontend ingress-https)", "node-2: keepalived gives up 10.1.233.9")
		}
		same(d.t, "files", d.files(), before)
		d.kplb("rollback", "--yes", "--replace-foreign").ends(0)
		d.withForeign()
		d.kplb("remove", "--yes", "--replace-foreign").ends(0)
	})
}

// TestForeignCarriedOn: what somebody has made by hand for what kplb does is
// replaced without a flag, and said.
func TestForeignCarriedOn(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.Change("node-2", func(n *rollouttest.Node) {
			n.Files["/etc/haproxy/haproxy.cfg"] = rollouttest.File{Mode: 0o644, Content: []byte("listen k\n    bind 10.1.233.1:6443\n")}
			n.Files["/etc/keepalived/keepalived.conf"] = rollouttest.File{Mode: 0o644, Content: []byte(strings.ReplaceAll(secondVIP, "10.1.233.9", "10.1.233.1/16 dev eth0"))}
		})
		d.kplb("diff").ends(exitNo, "/etc/haproxy/haproxy.cfg was not written by kplb; what it is for goes on with kplb's",
			"/etc/keepalived/keepalived.conf was not written by kplb; what it is for goes on with kplb's", "kplb: changes pending; run `kplb apply`\n")
		d.kplb("apply", "--yes").ends(0, proof("node-1"))
	})
}

// TestForeignBackOnTheVIP: who has had the VIP by hand before kplb has it again
// after remove, which does not wait for it to go.
func TestForeignBackOnTheVIP(t *testing.T) {
	atDesk(t, func(d *desk) {
		config := strings.ReplaceAll(secondVIP, "10.1.233.9", "10.1.233.1")
		d.Change("node-2", func(n *rollouttest.Node) {
			n.Files["/etc/haproxy/haproxy.cfg"] = rollouttest.File{Mode: 0o644, Content: []byte("listen k\n    bind 10.1.233.1:6443\n")}
			n.Files["/etc/keepalived/keepalived.conf"] = rollouttest.File{Mode: 0o644, Content: []byte(config)}
			*n.Units["haproxy"], *n.Units["keepalived"] = rollouttest.Unit{Active: true}, rollouttest.Unit{Active: true}
		})
		before := d.files()
		d.kplb("apply", "--yes").ends(0)
		d.kplb("remove", "--yes").ends(0, "ok  node-2: does not hold 10.1.233.1: it does, as before kplb: /etc/keepalived/keepalived.conf has it")
		same(d.t, "files", d.files(), before)
	})
}
