package cmd

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kplb/kplb/report"
	"github.com/kplb/kplb/rollout/rollouttest"
	"github.com/kplb/kplb/templates"
)

// saved makes a plan, and returns its file.
func (d *desk) saved() string {
	d.t.Helper()
	file := filepath.Join(d.t.TempDir(), "plan.json")
	o := d.kplb("diff", "-o", file).ends(exitNo, "plan saved: apply it with `kplb apply "+file+"`")
	same(d.t, "stdout", o.stdout, "")
	return file
}

func TestSavedPlan(t *testing.T) {
	atDesk(t, func(d *desk) {
		file := d.saved()
		info, err := os.Stat(file)
		if err != nil {
			d.t.Fatal(err)
		}
		same(d.t, "mode", info.Mode().Perm().String(), "-rw-------")
		d.kplb("apply", "--yes", file).ends(0, proof("node-1"))
		d.kplb("apply", "--yes", file).ends(exitUnchanged, "node-1: the plan is stale: ", " is as planned already", "make a new one with `kplb diff -o FILE`")
	})
}

// TestSavedPlanTemplates: a plan is carried out with the templates it was made
// with, wherever one is then.
func TestSavedPlanTemplates(t *testing.T) {
	atDesk(t, func(d *desk) {
		dir := d.t.TempDir()
		own := filepath.Join(dir, "own")
		content, err := fs.ReadFile(templates.Builtin(), "haproxy.cfg.tmpl")
		if err == nil {
			err = os.Mkdir(own, 0o700)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(own, "haproxy.cfg.tmpl"), append([]byte("# ours\n"), content...), 0o600)
		}
		wd, wdErr := os.Getwd()
		relative, relErr := filepath.Rel(wd, own)
		if err := errors.Join(err, wdErr, relErr); err != nil {
			d.t.Fatal(err)
		}
		file := filepath.Join(dir, "plan.json")
		d.kplb("diff", "-o", file, "--templates", relative).ends(exitNo)
		data, err := os.ReadFile(file)
		if err != nil {
			d.t.Fatal(err)
		}
		var saved savedPlan
		if err := json.Unmarshal(data, &saved); err != nil {
			d.t.Fatal(err)
		}
		same(d.t, "templates", saved.Templates, own)
		same(d.t, "inventory", saved.Inventory, d.file)
		d.kplb("apply", "--yes", file).ends(0, "+# ours")
		d.kplb("diff").ends(exitNo, "-# ours")
	})
}

// TestSavedPlanCannotBeWritten leaves no file behind, and is no answer.
func TestSavedPlanCannotBeWritten(t *testing.T) {
	atDesk(t, func(d *desk) {
		dir := d.t.TempDir()
		o := d.kplb("diff", "-o", filepath.Join(dir, "missing", "plan.json")).ends(exitUnchanged)
		same(d.t, "stdout", o.stdout, "")
		same(d.t, "says the file", regexp.MustCompile(`^kplb: open `+regexp.QuoteMeta(dir)+`/missing/\.plan\.json\d+: no such file or directory\n$`).MatchString(o.stderr), true)
		taken := filepath.Join(dir, "plan.json")
		if err := os.Mkdir(taken, 0o700); err != nil {
			d.t.Fatal(err)
		}
		d.kplb("diff", "-o", taken).ends(exitUnchanged, "plan.json: file exists")
		left, err := os.ReadDir(dir)
		if err != nil {
			d.t.Fatal(err)
		}
		same(d.t, "files", len(left), 1)
	})
}

// TestStalePlan: a plan is carried out as it was shown, or not at all.
func TestStalePlan(t *testing.T) {
	cases := []struct {
		name   string
		change func(d *desk, file string)
		code   int
		says   string
	}{
		{
			"a file has changed on a node", func(d *desk, _ string) {
				d.Change("node-2", func(n *rollouttest.Node) {
					n.Files["/etc/haproxy/haproxy.cfg"] = rollouttest.File{Mode: 0o644, Content: []byte("# another one\n")}
				})
			}, exitUnchanged, "node-2: the plan is stale: /etc/haproxy/haproxy.cfg has changed on the node since",
		},
		{
			"the inventory has changed", func(d *desk, _ string) { d.write(retuned) }, exitUnchanged,
			"node-1: the plan is stale: the inventory or a template would now make another /etc/haproxy/haproxy.cfg",
		},
		{
			"a node has left the inventory", func(d *desk, _ string) {
				d.write(strings.Replace(homeInventory, "  - {name: node-3, address: 10.1.1.3}\n", "", 1))
			}, exitUnchanged, "node-3: the plan is stale: the node is no longer in the inventory",
		},
		{
			"another cluster", func(d *desk, _ string) { d.write(strings.Replace(homeInventory, "name: home", "name: work", 1)) }, exitUsage,
			"the plan is for cluster home, the inventory says work",
		},
		{
			"an unknown version", func(d *desk, file string) { d.edit(file, func(p map[string]any) { p["apiVersion"] = "kplb/v9" }) }, exitUsage,
			`is not a plan of this version: apiVersion "kplb/v9", kind "Plan"`,
		},
		{
			"an unknown field", func(d *desk, file string) { d.edit(file, func(p map[string]any) { p["exec"] = "rm" }) }, exitUsage,
			`is not a plan: json: unknown field "exec"`,
		},
		{
			"an edited consequence", func(d *desk, file string) {
				d.edit(file, func(p map[string]any) {
					p["nodes"].([]any)[0].(map[string]any)["consequences"] = []string{"nothing"}
				})
			}, exitUnchanged, "node-1: the plan is stale: it would now do: sysctl applied",
		},
		{"no file", func(d *desk, file string) {
			if err := os.Remove(file); err != nil {
				d.t.Fatal(err)
			}
		}, exitUsage, "no such file or directory"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			atDesk(t, func(d *desk) {
				file := d.saved()
				c.change(d, file)
				d.kplb("apply", "--yes", file).ends(c.code, c.says)
				same(d.t, "what the nodes were asked", len(d.Asked()), 0)
			})
		})
	}
}

// edit changes a plan in its file.
func (d *desk) edit(file string, change func(map[string]any)) {
	d.t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		d.t.Fatal(err)
	}
	var plan map[string]any
	if err := json.Unmarshal(data, &plan); err != nil {
		d.t.Fatal(err)
	}
	change(plan)
	if data, err = json.Marshal(plan); err == nil {
		err = os.WriteFile(file, data, 0o600)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

func TestDiffJSON(t *testing.T) {
	atDesk(t, func(d *desk) {
		var plan report.Plan
		if err := json.Unmarshal([]byte(d.kplb("diff", "-o", "json").ends(exitNo).stdout), &plan); err != nil {
			d.t.Fatal(err)
		}
		same(d.t, "cluster", plan.Cluster, "home")
		same(d.t, "nodes", len(plan.Nodes), 3)
		d.kplb("diff", "-o", "yaml").ends(exitUsage, "yaml")
	})
}
