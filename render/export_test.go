package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

const (
	metricsCase  = casesDir + "/metrics/inventory.yaml"
	exportGolden = "../testdata/metrics/golden"
	alertsTest   = "../testdata/metrics/alerts_test.yaml"
)

// promtool is where `make checkers` has put it, or where it is installed.
func promtool(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("promtool"); err == nil {
		return path
	}
	path, err := exec.LookPath(filepath.Join(tools(t), "promtool"))
	if err != nil {
		skip(t, "promtool is not installed; make checkers fetches it")
	}
	return path
}

// tools is the directory of what `make checkers` fetches.
func tools(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("KPLB_TOOLS"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(home, ".cache/kplb/tools")
}

func exported(t *testing.T, inventory string) Tree {
	t.Helper()
	tree, err := builtin(t).Metrics(loadCluster(t, inventory))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestExportGolden(t *testing.T) {
	t.Parallel()
	tree := exported(t, metricsCase)
	if *update {
		if err := tree.Write(exportGolden); err != nil {
			t.Fatal(err)
		}
	}
	diff, err := tree.Check(exportGolden)
	if err != nil {
		t.Fatal(err)
	}
	if len(diff) > 0 {
		t.Errorf("the goldens differ; go test ./render -update writes them anew:\n%s", diff)
	}
}

// TestAlerts has promtool read the rules of every case, and try those of the
// metrics example.
func TestAlerts(t *testing.T) {
	t.Parallel()
	program := promtool(t)
	paths, err := filepath.Glob(casesDir + "/*/inventory.yaml")
	if err != nil || len(paths) < 9 {
		t.Fatalf("%d cases: %v", len(paths), err)
	}
	for _, path := range paths {
		rules := writeTemp(t, AlertsName, exported(t, path)[AlertsName].Content)
		if out, err := run(t, program, "check", "rules", rules); err != nil {
			t.Errorf("%s: promtool check rules: %v\n%s", path, err, out)
		}
	}
	if out, err := run(t, program, "test", "rules", alertsTest); err != nil {
		t.Errorf("promtool test rules: %v\n%s", err, out)
	}
}

// TestAlertsRefused: the tests of the rules are ones that can fail. Each change
// has an alert fire where it should not, or not where it should.
func TestAlertsRefused(t *testing.T) {
	t.Parallel()
	program := promtool(t)
	rules, test := exported(t, metricsCase)[AlertsName].Content, readFile(t, alertsTest)
	for _, change := range [][2]string{
		{"== 0\n", "== 1\n"},
		{"> 1\n        for: 2m", "> 2\n        for: 2m"},
		{"> 1\n        for: 2m", "> 1\n        for: 0m"},
		{`active_servers{proxy="kube-apiserver"} < 2`, `active_servers{proxy="kube-apiserver"} < 1`},
		{`active_servers{proxy="kube-apiserver"} < 3`, `active_servers < 3`},
		{"for: 15m", "for: 5m"},
		{"[1h]))) > 3", "[1h]))) > 2"},
		{"[1h]))) > 3", "[1h]))) > 4"},
		{`state=~"fault|stop"`, `state="stop"`},
		{"21 * 86400", "23 * 86400"},
		{"3 * 86400", "1 * 86400"},
		{" or vector(0)) < 3", ") < 3"},
		{"> 300", "> 30"},
		{`vip_holder{kplb_cluster="home"}) == 0`, `vip_holder) == 0`},
	} {
		dir := t.TempDir()
		for path, content := range map[string][]byte{
			"golden/" + AlertsName: replaceAll(t, rules, change[0], change[1]), "alerts_test.yaml": test,
		} {
			if err := writeFile(filepath.Join(dir, path), Artifact{Mode: 0o644, Content: content}); err != nil {
				t.Fatal(err)
			}
		}
		if out, err := run(t, program, "test", "rules", filepath.Join(dir, "alerts_test.yaml")); err == nil {
			t.Errorf("promtool test rules takes %q for %q:\n%s", change[1], change[0], out)
		}
	}
}

// TestEveryAlertIsTried: each alert is seen to fire, and not to fire.
func TestEveryAlertIsTried(t *testing.T) {
	t.Parallel()
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert string }
		}
	}
	var tests struct {
		Tests []struct {
			Evals []struct {
				Alert  string           `yaml:"alertname"`
				Firing []map[string]any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	for path, into := range map[string]any{filepath.Join(exportGolden, AlertsName): &rules, alertsTest: &tests} {
		if err := yaml.Unmarshal(readFile(t, path), into); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for _, test := range tests.Tests {
		for _, e := range test.Evals {
			seen[fmt.Sprint(e.Alert, len(e.Firing) > 0)] = true
		}
	}
	if len(rules.Groups) != 1 || len(rules.Groups[0].Rules) < 10 {
		t.Fatalf("%d groups", len(rules.Groups))
	}
	for _, r := range rules.Groups[0].Rules {
		if !seen[r.Alert+"true"] || !seen[r.Alert+"false"] {
			t.Errorf("%s: tried firing: %t, not firing: %t", r.Alert, seen[r.Alert+"true"], seen[r.Alert+"false"])
		}
	}
}

type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Panels        []panel
	Templating    struct {
		List []struct{ Name, Type string }
	}
}

type panel struct {
	ID          int
	Type, Title string
	GridPos     struct{ H, W, X, Y int }
	Datasource  struct{ Type, UID string }
	Targets     []struct{ RefID, Expr, LegendFormat string }
	FieldConfig struct {
		Defaults struct {
			Thresholds struct{ Steps []struct{ Color string } }
		}
	}
}

func readDashboard(t *testing.T, inventory string) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal(exported(t, inventory)[DashboardName].Content, &d); err != nil {
		t.Fatalf("%s: %v", inventory, err)
	}
	return d
}

// TestDashboard: panels have names, places of their own, and questions.
func TestDashboard(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(casesDir + "/*/inventory.yaml")
	if err != nil || len(paths) < 9 {
		t.Fatalf("%d cases: %v", len(paths), err)
	}
	for _, path := range paths {
		d := readDashboard(t, path)
		if len(d.UID) == 0 || len(d.UID) > 40 || d.Title == "" || d.SchemaVersion != 39 || d.Templating.List[0].Type != "datasource" {
			t.Errorf("%s: uid %q, title %q, schema version %d, variables %v", path, d.UID, d.Title, d.SchemaVersion, d.Templating.List)
		}
		taken, ids, types := map[[2]int]string{}, map[int]bool{}, map[string]bool{}
		for _, p := range d.Panels {
			at := p.GridPos
			if p.Title == "" || ids[p.ID] || at.W < 1 || at.H < 1 || at.X < 0 || at.X+at.W > 24 || len(p.Targets) == 0 || p.Datasource.UID != "${datasource}" ||
				len(p.FieldConfig.Defaults.Thresholds.Steps) == 0 {
				t.Errorf("%s: panel %d %q is not a panel: %+v", path, p.ID, p.Title, p)
			}
			ids[p.ID], types[p.Type] = true, true
			for x := at.X; x < at.X+at.W; x++ {
				for y := at.Y; y < at.Y+at.H; y++ {
					if other := taken[[2]int{x, y}]; other != "" {
						t.Errorf("%s: panels %q and %q overlap", path, other, p.Title)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
		}
		if got := slices.Sorted(maps.Keys(types)); !slices.Equal(got, []string{"stat", "state-timeline", "timeseries"}) {
			t.Errorf("%s: panels of %q", path, got)
		}
	}
}

// TestDashboardExpressions has promtool read what the panels ask.
func TestDashboardExpressions(t *testing.T) {
	t.Parallel()
	program := promtool(t)
	rules := []byte("groups:\n  - name: dashboard\n    rules:\n")
	for i, expr := range expressions(t) {
		rules = fmt.Appendf(rules, "      - {record: 'dashboard:%d', expr: '%s'}\n", i, strings.ReplaceAll(expr, "$__rate_interval", "5m"))
	}
	if out, err := run(t, program, "check", "rules", writeTemp(t, "dashboard.yaml", rules)); err != nil {
		t.Errorf("promtool check rules: %v\n%s", err, out)
	}
}

func expressions(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, p := range readDashboard(t, metricsCase).Panels {
		for _, target := range p.Targets {
			out = append(out, target.Expr)
		}
	}
	return out
}

var metricName = regexp.MustCompile(`\b(haproxy|kplb)_[a-z_]+\b`)

// asked are the metrics of a kind that alerts and panels ask for.
func asked(t *testing.T, kind string) []string {
	t.Helper()
	text := string(exported(t, metricsCase)[AlertsName].Content) + strings.Join(expressions(t), "\n")
	all := slices.DeleteFunc(metricName.FindAllString(text, -1), func(name string) bool {
		return !strings.HasPrefix(name, kind+"_") || name == "kplb_cluster"
	})
	slices.Sort(all)
	return slices.Compact(all)
}

// TestHAProxyHasMetrics asks a genuine HAProxy for what alerts and panels want
// of it, on its port for Prometheus.
func TestHAProxyHasMetrics(t *testing.T) {
	t.Parallel()
	loopback := netip.MustParseAddr("127.0.0.1")
	get := func(allowed string) (int, []byte) {
		c := *loadCluster(t, metricsCase)
		n := c.Nodes[0]
		n.Address = loopback
		m := *c.Metrics
		m.Port, m.AllowFrom = freePort(t, loopback), []netip.Prefix{netip.MustParsePrefix(allowed)}
		c.Metrics = &m
		newBalancer(t, c, n, netip.MustParseAddr("127.0.0.9"))
		answer, err := http.Get(fmt.Sprintf("http://%s/metrics", hostport(loopback, m.Port)))
		if err != nil {
			return 0, nil
		}
		defer answer.Body.Close() //nolint:errcheck // it was read
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, body
	}
	code, body := get("127.0.0.0/8")
	names := asked(t, "haproxy")
	if code != http.StatusOK || len(names) < 5 {
		t.Fatalf("status %d, %d metrics", code, len(names))
	}
	for _, name := range names {
		if !bytes.Contains(body, []byte("\n"+name+"{")) {
			t.Errorf("HAProxy has no %s", name)
		}
	}
	if code, _ := get("10.1.0.254/32"); code != 0 {
		t.Errorf("status %d for somebody who may not ask", code)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
