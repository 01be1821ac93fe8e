package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kplb/kplb/rollout/rollouttest"
)

// readmeCommand is a row of README's table of commands: `kplb history`, `kplb rollback`.
var readmeCommand = regexp.MustCompile("`kplb ([a-z]+)[^`]*`")

// readmeCommands are the commands of README's table.
func readmeCommands(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		cells := strings.SplitN(line, "|", 3)
		if len(cells) < 3 {
			continue
		}
		for _, m := range readmeCommand.FindAllStringSubmatch(cells[1], -1) {
			out[m[1]] = true
		}
	}
	return out
}

// oneOff are the commands that are run while one of three nodes is off, in order. What
// needs no node, and what a test of its own runs, is named in withoutNodes.
var oneOff = [][]string{
	{"status"}, {"verify"}, {"doctor"},
	{"history"}, {"history", "-o", "json"}, {"diff"}, {"diff", "-o", "json"}, {"diff", "-o", "FILE.json"}, {"diff", "--allow-unreachable"},
	{"unlock"}, {"confirm"}, {"drill", "--yes"},
	{"apply", "--yes"}, {"apply", "FILE.json", "--yes"}, {"apply", "--dry-run", "--allow-unreachable"}, {"apply", "--yes", "--allow-unreachable"}, {"apply", "--yes", "--allow-unreachable"},
	{"rollback", "--yes"}, {"rollback", "--yes", "--to", "1"}, {"rollback", "--yes", "--allow-unreachable"}, {"rollback", "--yes", "--to", "0"},
	{"remove", "--yes"}, {"remove", "--yes", "--allow-unreachable"},
}

// withoutNodes ask no node: one that is off is nothing to them.
var withoutNodes = [][]string{{"render"}, {"simulate"}, {"export", "metrics"}, {"templates"}}

// TestOneNodeOff runs every command of the README while each of three nodes is off in
// turn: the first one holds the VIP. Words and exit codes are goldens.
func TestOneNodeOff(t *testing.T) {
	for _, off := range []string{"node-1", "node-2", "node-3"} {
		t.Run(off, func(t *testing.T) {
			atDesk(t, func(d *desk) {
				d.kplb("apply", "--yes").ends(0)
				d.write(retuned)
				d.kplb("apply", "--yes").ends(0)
				d.write(retuned + "vrrp: {advertInterval: 500ms}\n")
				d.Change(off, func(n *rollouttest.Node) { n.Unreachable = true })
				file := filepath.Join(d.t.TempDir(), "plan.json")
				var said strings.Builder
				for _, args := range oneOff {
					said.WriteString(d.transcript(file, args...))
				}
				golden(d.t, filepath.Join("nodeoff", off+".txt"), said.String())
			})
		})
	}
}

// transcript is what a command says, and how it ends.
func (d *desk) transcript(file string, args ...string) string {
	d.t.Helper()
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = strings.ReplaceAll(arg, "FILE.json", file)
	}
	o := d.kplb(words...)
	var b strings.Builder
	fmt.Fprintf(&b, "$ kplb %s\n%s", strings.Join(args, " "), withoutFileDiffs(o.stdout))
	for line := range strings.Lines(o.stderr) {
		b.WriteString("2> " + line)
	}
	fmt.Fprintf(&b, "exit code %d\n\n", o.code)
	if args[0] == "history" && len(args) == 1 { // its columns are as wide as the operator's name
		said := wide.ReplaceAllString(b.String(), "  ")
		b.Reset()
		b.WriteString(said)
	}
	text := recordedBy.ReplaceAllString(inQuotes.ReplaceAllString(b.String(), "ME"), "${1}ME$2")
	return strings.ReplaceAll(text, file, "FILE.json")
}

// inQuotes is thisRun, in JSON, too.
var inQuotes = regexp.MustCompile(`[^\s("]+@[^\s,]+, pid \d+`)

// recordedBy is thisRun in a record, in a table and in JSON.
var recordedBy = regexp.MustCompile(`(Z  |"by": ")[^\s"]+@[^\s"]+("| {2,}|  )`)

// wide is what is between columns.
var wide = regexp.MustCompile(` {3,}`)

// inJSON is what of a file is in a plan as JSON.
var inJSON = regexp.MustCompile(`"(diff|before|after)": ".*"`)

// withoutFileDiffs leaves out unified diffs of files, which say nothing of a node that is
// off.
func withoutFileDiffs(text string) string {
	var b strings.Builder
	inside := false
	for line := range strings.Lines(text) {
		inside = strings.HasPrefix(line, "diff on ") || strings.HasPrefix(line, "--- ") || inside && strings.ContainsAny(line[:1], "+-@ ") && !strings.HasPrefix(line, "  -> ")
		if !inside {
			b.WriteString(inJSON.ReplaceAllString(line, `"$1": "…"`))
		}
	}
	return b.String()
}

// TestOneNodeOffNamesAll: no command of the README is left out of TestOneNodeOff.
func TestOneNodeOffNamesAll(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{"trust": true} // see TestTrustUnreachable
	for _, args := range append(oneOff, withoutNodes...) {
		tried[args[0]] = true
	}
	same(t, "commands", tried, readmeCommands(t))
}

// TestOneNodeOffOffline: commands that ask no node end as ever.
func TestOneNodeOffOffline(t *testing.T) {
	atDesk(t, func(d *desk) {
		said := map[bool][]outcome{}
		for _, off := range []bool{false, true} {
			for _, name := range []string{"node-1", "node-2", "node-3"} {
				d.Change(name, func(n *rollouttest.Node) { n.Unreachable = off })
			}
			for _, args := range withoutNodes {
				said[off] = append(said[off], d.kplb(args...).ends(0))
			}
		}
		for i, o := range said[true] {
			o.says(0, said[false][i].stdout, said[false][i].stderr)
		}
	})
}

// ported is a cluster whose apiservers stay as they are.
const ported = homeInventory + "exposure: port\nhaproxy: {port: 8443}\n"

// TestRemoveOneNodeOff: where no apiserver has to restart, remove and rollback go on
// without one of three nodes, and remove ends its work when the node is back.
func TestRemoveOneNodeOff(t *testing.T) {
	for _, off := range []string{"node-1", "node-2", "node-3"} {
		t.Run(off, func(t *testing.T) {
			atDesk(t, func(d *desk) {
				d.write(ported)
				d.kplb("apply", "--yes").ends(0)
				d.write(ported + "vrrp: {advertInterval: 500ms}\n")
				d.kplb("apply", "--yes").ends(0)
				d.Change(off, func(n *rollouttest.Node) { n.Unreachable = true })
				var said strings.Builder
				for _, args := range [][]string{
					{"rollback", "--yes", "--to", "1", "--allow-unreachable"}, {"remove", "--yes"}, {"remove", "--yes", "--allow-unreachable"}, {"history"},
				} {
					said.WriteString(d.transcript("no plan", args...))
				}
				same(d.t, "the VIP's holder", d.Holder(), "")
				d.Change(off, func(n *rollouttest.Node) { n.Unreachable = false })
				same(d.t, "the VIP's holder when the node is back", d.Holder(), off)
				for _, args := range [][]string{{"remove", "--yes"}, {"remove", "--yes"}, {"history"}} {
					said.WriteString(d.transcript("no plan", args...))
				}
				same(d.t, "the VIP's holder in the end", d.Holder(), "")
				golden(d.t, filepath.Join("nodeoff", "remove-"+off+".txt"), said.String())
			})
		})
	}
}

// TestMinorityOff: commands that look show what one node says, and no command changes it.
func TestMinorityOff(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		d.write(retuned)
		for _, off := range []string{"node-1", "node-2"} {
			d.Change(off, func(n *rollouttest.Node) { n.Unreachable = true })
		}
		asked := len(d.Asked())
		var said strings.Builder
		for _, args := range [][]string{
			{"verify"}, {"doctor"}, {"history"}, {"diff"}, {"diff", "--allow-unreachable"}, {"apply", "--yes"}, {"apply", "--yes", "--allow-unreachable"},
			{"rollback", "--yes", "--allow-unreachable"}, {"remove", "--yes", "--allow-unreachable"}, {"confirm"}, {"unlock"}, {"drill", "--yes"},
		} {
			said.WriteString(d.transcript("no plan", args...))
		}
		golden(d.t, filepath.Join("nodeoff", "minority.txt"), said.String())
		same(d.t, "what the nodes were asked", d.Asked()[asked:], []string{"node-3 unlock"})
	})
}

// TestAllOff: where no node can be asked, every command is an error that names all of
// them.
func TestAllOff(t *testing.T) {
	atDesk(t, func(d *desk) {
		var errors strings.Builder
		for _, off := range []string{"node-1", "node-2", "node-3"} {
			d.Change(off, func(n *rollouttest.Node) { n.Unreachable = true })
			errors.WriteString("kplb: " + off + ": is not reachable: no route to host\n")
		}
		errors.WriteString("kplb: hint: is it on?\n")
		for _, args := range [][]string{{"status"}, {"verify"}, {"doctor"}, {"history"}, {"diff"}, {"unlock"}, {"drill", "--yes"}, {"apply", "--yes"}, {"rollback", "--yes"}, {"remove", "--yes"}} {
			o := d.kplb(args...)
			o.stderr = strings.TrimPrefix(o.stderr, "kplb: cluster: proving /healthz through the VIP\n")
			o.says(exitUnchanged, "", errors.String())
		}
	})
}

// TestNodeLetsNobodyIn: a node that is on and refuses the login is marked like one that is
// off, but no change goes on without it.
func TestNodeLetsNobodyIn(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		d.write(retuned)
		d.Change("node-2", func(n *rollouttest.Node) { n.RefusesLogin = true })
		d.kplb("verify").ends(exitNo, "NO  node-2: answers kplb: login was refused", "ok  node-2: /healthz on 10.1.1.2:6443: ok, TLS verified")
		d.kplb("doctor").ends(exitNo, "NO  node-2: answers kplb: login was refused")
		d.kplb("diff").ends(exitNo, "node-2: left out: login was refused\n", "kplb: changes pending; left out: node-2, without which `kplb apply` does not go on\n")
		d.kplb("history").ends(exitNo, "node-2: no answer: login was refused")
		for _, args := range [][]string{{"apply", "--yes", "--allow-unreachable"}, {"rollback", "--yes", "--allow-unreachable"}, {"remove", "--yes", "--allow-unreachable"}} {
			d.kplb(args...).says(exitUnchanged, "", "kplb: node-2: login was refused\nkplb: hint: load the key\n")
		}
	})
}

// TestPlanLeavesOut: a saved plan knows which nodes it leaves out, and whether they may be.
func TestPlanLeavesOut(t *testing.T) {
	off := func(d *desk, name string, off bool) {
		d.Change(name, func(n *rollouttest.Node) { n.Unreachable = off })
	}
	for _, c := range []struct {
		name string
		args []string // of diff
		then func(d *desk)
		code int
		says []string
	}{
		{"told", []string{"--allow-unreachable"}, func(*desk) {}, 0, []string{"node-3: left out: is not reachable: no route to host", "node-2: changed"}},
		{"not told", nil, func(*desk) {}, exitUnchanged, []string{"kplb: node-3: is not reachable: no route to host\nkplb: hint: --allow-unreachable goes on without node-3, where nothing changes\n"}},
		{"it is back", []string{"--allow-unreachable"}, func(d *desk) { off(d, "node-3", false) }, exitUnchanged, []string{
			"kplb: node-3: the plan is stale: it leaves the node out, which can be reached now\nkplb: hint: make a new one with `kplb diff -o FILE`, and look at it\n",
		}},
		{"another one is off", []string{"--allow-unreachable"}, func(d *desk) { off(d, "node-3", false); off(d, "node-2", true) }, exitUnchanged, []string{
			"kplb: node-3: the plan is stale: it leaves the node out, which can be reached now\nkplb: node-2: the plan is stale: it does not leave the node out, which cannot be reached now\n",
		}},
		{"two are off", []string{"--allow-unreachable"}, func(d *desk) { off(d, "node-2", true) }, exitUnchanged, []string{"only 1 of 3 nodes can be reached, and 2 are needed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			atDesk(t, func(d *desk) {
				d.kplb("apply", "--yes").ends(0)
				d.write(retuned)
				off(d, "node-3", true)
				file := filepath.Join(d.t.TempDir(), "plan.json")
				d.kplb(append([]string{"diff", "-o", file}, c.args...)...).ends(exitNo)
				c.then(d)
				d.kplb("apply", "--yes", file).ends(c.code, c.says...)
			})
		})
	}
}
