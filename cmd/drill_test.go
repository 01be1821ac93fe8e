package cmd

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/drill"
	"github.com/kplb/kplb/rollout/rollouttest"
	"github.com/kplb/kplb/verdict"
)

// drill runs one fault of 2 s on a cluster in which all is well.
func (d *desk) drill(args ...string) outcome {
	d.t.Helper()
	return d.kplb(append([]string{"drill", "--fault", "haproxy-stopped", "--for", "2s", "--proof-timeout", "5s"}, args...)...)
}

// drilled is what the nodes were asked for since an apply.
func (d *desk) drilled() []string {
	return slices.DeleteFunc(d.Asked(), func(asked string) bool { return !strings.Contains(asked, " drill ") })
}

const (
	willBreak = "kplb: will break the VIP's holder: haproxy-stopped: systemctl stop haproxy; put back: systemctl start haproxy\n"
	breaking  = "kplb: node-1: haproxy-stopped: systemctl stop haproxy\nkplb: node-1: haproxy-stopped: systemctl start haproxy\n"
	awaiting  = "kplb: cluster: waiting until everything is proven again\n"
)

// withoutProving leaves out that a proof is looked for once more: a look takes no
// time here.
func withoutProving(stderr string) string {
	return strings.ReplaceAll(stderr, "kplb: cluster: proving /healthz through the VIP\n", "")
}

// renamed is the temporary file that becomes the page.
var renamed = regexp.MustCompile(`\.drill\.html\d+`)

// TestDrill breaks the holder, puts it back, and shows what clients have noticed.
func TestDrill(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		o := d.drill("--yes").ends(0)
		golden(d.t, "drill.txt", o.stdout)
		same(d.t, "stderr", o.stderr, willBreak+breaking+awaiting)
		same(d.t, "what the nodes were asked", d.drilled(), []string{"node-1 drill break", "node-1 drill mend"})
		same(d.t, "who has the VIP", d.Holder(), "node-2")
		d.kplb("status").ends(0)
		d.kplb("unlock").says(0, "", "kplb: no node is locked\n")
	})
}

// TestDrillNode breaks the node that is named, as often as is said.
func TestDrillNode(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		d.drill("--yes", "--node", "node-3", "--rounds", "2").ends(0, "kplb: will break node-3: haproxy-stopped: ")
		same(d.t, "what the nodes were asked", d.drilled(), []string{"node-3 drill break", "node-3 drill mend", "node-3 drill break", "node-3 drill mend"})
		same(d.t, "who has the VIP", d.Holder(), "node-1")
	})
}

// TestDrillBaseline: the JSON of one drill is what the next one is compared with,
// and the page is there for others.
func TestDrillBaseline(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		dir := d.t.TempDir()
		base, page := filepath.Join(dir, "base.json"), filepath.Join(dir, "drill.html")
		o := d.drill("--yes", "-o", "json").ends(0)
		var said drill.Summary
		if err := json.Unmarshal([]byte(o.stdout), &said); err != nil {
			d.t.Fatal(err)
		}
		same(d.t, "what was broken", []any{len(said.Results), said.Results[0].Fault, said.Results[0].Node, said.Results[0].TookOver, said.Proven}, []any{1, "haproxy-stopped", "node-1", "node-2", true})
		if err := os.WriteFile(base, []byte(o.stdout), 0o600); err != nil {
			d.t.Fatal(err)
		}
		o = d.drill("--yes", "--report", page, "--baseline", base).ends(0)
		same(d.t, "stderr", strings.HasSuffix(o.stderr, "kplb: no worse than "+base+"\n"), true)
		html, err := os.ReadFile(page)
		if err != nil {
			d.t.Fatal(err)
		}
		for _, part := range []string{"<!DOCTYPE html>", "HAProxy stopped", "node-2"} {
			same(d.t, "the page has "+part, strings.Contains(strings.ToLower(string(html)), strings.ToLower(part)), true)
		}
	})
}

// TestDrillDoesNotStart on a cluster that is not well, or without a yes: nothing
// is broken.
func TestDrillDoesNotStart(t *testing.T) {
	const hint = "kplb: hint: see `kplb --help`, and `kplb COMMAND --help`\n"
	for _, c := range []struct {
		name   string
		change func(*rollouttest.Node) // of node-3
		args   []string
		code   int
		stderr string
	}{
		{"HAProxy is down", func(n *rollouttest.Node) { n.Units["haproxy"].Active = false }, []string{"--yes"}, exitNo, "kplb: NO  node-3: haproxy sees its servers: haproxy does not answer on 127.0.0.1:8404\n" +
			"kplb: hint: look at `journalctl -u haproxy` on the node\nkplb: not proven, so the drill does not start\n"},
		{"nobody can be asked", nil, nil, exitUsage, willBreak + "kplb: stdin is not a terminal, so nobody can be asked: give --yes to go on without\n" + hint},
		{"a stranger", nil, []string{"--node", "node-9"}, exitUsage, "kplb: node must be one of the control-plane nodes node-1, node-2, node-3, not \"node-9\"\n" + hint},
		{"a node is off", func(n *rollouttest.Node) { n.Unreachable = true }, []string{"--yes"}, exitNo, "kplb: NO  node-3: answers kplb: is not reachable: no route to host\n" +
			"kplb: hint: is it on?\nkplb: not proven, so the drill does not start\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			atDesk(t, func(d *desk) {
				d.kplb("apply", "--yes").ends(0)
				if c.change != nil {
					d.Change("node-3", c.change)
				}
				o := d.drill(c.args...).ends(c.code)
				same(d.t, "stdout", o.stdout, "")
				same(d.t, "stderr", withoutProving(o.stderr), c.stderr)
				same(d.t, "what the nodes were asked", len(d.drilled()), 0)
			})
		})
	}
}

// TestDrillGoesWrong: what is measured by then is shown, and the exit code says
// whether a node may still be broken.
func TestDrillGoesWrong(t *testing.T) {
	for _, c := range []struct {
		name    string
		refuses string // by node-1
		during  func(d *desk, page string)
		args    []string
		code    int
		stderr  string
		shown   bool
	}{
		{
			"the node does not want to", "drill break", nil, nil, exitUnchanged,
			willBreak + "kplb: node-1: haproxy-stopped: systemctl stop haproxy\nkplb: node-1: no room in /run\n", false,
		},
		{
			"the node cannot be put back", "drill mend", nil, nil, exitChanged,
			willBreak + breaking + "kplb: node-1: is still broken (haproxy-stopped), and puts itself back within 17s: node-1: no room in /run\n" +
				"kplb: hint: rebooting node-1 puts it back, too; nothing on its disk was changed\n", true,
		},
		{
			"another node fails meanwhile", "", func(d *desk, _ string) {
				d.Change("node-3", func(n *rollouttest.Node) { n.Units["haproxy"].Active = false })
			}, nil, exitNo,
			willBreak + breaking + awaiting + "kplb: NO  node-3: haproxy sees its servers: haproxy does not answer on 127.0.0.1:8404\n" +
				"kplb: hint: look at `journalctl -u haproxy` on the node\nkplb: not proven after the drill\n", true,
		},
		{
			"the page's directory is gone", "", func(d *desk, page string) {
				if err := os.RemoveAll(filepath.Dir(page)); err != nil {
					d.t.Error(err)
				}
			}, []string{"--report", "PAGE"}, exitUnchanged,
			willBreak + breaking + awaiting + "kplb: open PAGES/TEMPORARY: no such file or directory\n", true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			atDesk(t, func(d *desk) {
				d.kplb("apply", "--yes").ends(0)
				if c.refuses != "" {
					d.Change("node-1", func(n *rollouttest.Node) { n.Refuses[c.refuses] = "no room in /run" })
				}
				page := filepath.Join(d.t.TempDir(), "pages", "drill.html")
				if err := os.Mkdir(filepath.Dir(page), 0o700); err != nil {
					d.t.Fatal(err)
				}
				if c.during != nil {
					time.AfterFunc(2*time.Second, func() { c.during(d, page) })
				}
				for i, arg := range c.args {
					c.args[i] = strings.Replace(arg, "PAGE", page, 1)
				}
				o := d.drill(append(c.args, "--yes")...).ends(c.code)
				same(d.t, "stderr", renamed.ReplaceAllString(withoutProving(strings.ReplaceAll(o.stderr, filepath.Dir(page), "PAGES")), "TEMPORARY"), c.stderr)
				same(d.t, "shows the run", strings.Contains(o.stdout, "HAProxy stopped on node-1"), c.shown)
			})
		})
	}
}

// measured is a drill in which nobody was answered for so long.
func measured(silent time.Duration) *drill.Report {
	fault, _ := drill.Named("haproxy-stopped")
	run := &drill.Run{
		Fault: fault, Node: "node-1", Nodes: []string{"node-1", "node-2"}, Round: 1, Every: 100 * time.Millisecond, Limit: time.Second,
		Struck: time.Second, Mended: 3 * time.Second, MendedBy: "the operator", Well: 4 * time.Second, End: 5 * time.Second,
	}
	for at := time.Duration(0); at < run.End; at += run.Every {
		s := drill.Sample{At: at, Took: time.Millisecond}
		if at >= run.Struck && at < run.Struck+silent {
			s.Took, s.Failure = run.Every, "refused"
		}
		run.Samples = append(run.Samples, s)
	}
	return &drill.Report{Cluster: "home", VIP: "10.1.233.1:6443", From: "this machine", Every: run.Every, Limit: run.Limit, Runs: []*drill.Run{run}, Proven: true}
}

// TestJudgeDrill: what is worse than the baseline is a no, and each figure is said.
func TestJudgeDrill(t *testing.T) {
	t.Parallel()
	base := measured(200 * time.Millisecond).Summary()
	no := &verdict.Proof{Checks: []verdict.Check{{What: "one node holds 10.1.233.1", Detail: "no node does"}, {OK: true}}}
	broken := &drill.BrokenError{Node: "node-1", Fault: measured(0).Runs[0].Fault, Within: 17 * time.Second, Cause: errors.New("lost")}
	for _, c := range []struct {
		name   string
		base   *drill.Summary
		report *drill.Report
		proof  *verdict.Proof
		err    error
		says   string
		stderr string
		shown  bool
	}{
		{"without a baseline", nil, measured(2 * time.Second), nil, nil, "", "", true},
		{"no worse", &base, measured(250 * time.Millisecond), nil, nil, "", "kplb: no worse than base.json\n", true},
		{"worse", &base, measured(time.Second), nil, nil, "worse than base.json", "kplb: worse: haproxy-stopped: without an answer: 1001 ms, and 201 ms in the baseline\n" +
			"kplb: worse: haproxy-stopped: time in which new connections failed: 1000 ms, and 200 ms in the baseline\n", true},
		{"not proven", &base, measured(0), no, &verdict.ProofError{Proof: no}, "not proven after the drill", "kplb: NO  one node holds 10.1.233.1: no node does\n", true},
		{"still broken", &base, measured(0), nil, broken, "node-1: is still broken (haproxy-stopped), and puts itself back within 17s: lost", "", true},
		{"nothing was broken", &base, &drill.Report{}, nil, errors.New("node-3: locked by bob"), "node-3: locked by bob", "", false},
		{"nothing was begun", nil, nil, nil, errors.New("node-3: locked by bob"), "node-3: locked by bob", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out, diagnostics strings.Builder
			o := drillOptions{command: command{streams: &streams{out: &out, err: &diagnostics}}, format: "text", baseline: "base.json", base: c.base, tolerance: 0.25}
			err := o.judge(c.report, c.proof, c.err)
			said := ""
			if err != nil {
				said = err.Error()
			}
			same(t, "error", said, c.says)
			same(t, "stderr", diagnostics.String(), c.stderr)
			same(t, "shows the run", strings.Contains(out.String(), "HAProxy stopped on node-1"), c.shown)
		})
	}
}

// TestDrillNobodyReads: a drill whose result cannot be written is an error, and
// not a no.
func TestDrillNobodyReads(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		o := drillOptions{command: command{streams: &streams{out: brokenPipe{}, err: &strings.Builder{}}}, format: format}
		err := o.judge(measured(0), nil, nil)
		same(t, format, err != nil && err.Error() == "io: read/write on closed pipe", true)
	}
}
