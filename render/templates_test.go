package render

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kplb/kplb/templates"
)

func templateDir(files map[string]string) fs.FS {
	m := fstest.MapFS{}
	for name, content := range files {
		m[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return m
}

func TestOverride(t *testing.T) {
	t.Parallel()
	c := loadCluster(t, casesDir+"/tutorial/inventory.yaml")
	override := templateDir(map[string]string{
		"sysctl.conf.tmpl": "{{ .Stamp }}\n# {{ .Node.Name }} of {{ .Cluster.Name | upper }}, {{ len .Peers }} others\nnet.ipv4.ip_nonlocal_bind = 1\n",
		"README.md":        "not a template",
		"sub/dir.tmpl":     "{{ not read",
	})
	parsed, err := Parse(templates.Builtin(), override)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := parsed.Cluster(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	builtin := renderTree(t, c)
	for path, a := range tree {
		isOverridden := strings.HasSuffix(path, SysctlPath)
		if same := bytes.Equal(a.Content, builtin[path].Content); same == isOverridden {
			t.Errorf("%s: same as built in: %t", path, same)
		}
		if Stamp(a.Content) != Intact {
			t.Errorf("%s is not stamped", path)
		}
		if a.Mode != builtin[path].Mode || a.Effect != builtin[path].Effect {
			t.Errorf("%s: more than the content is overridden", path)
		}
	}
	if got := string(tree["kubernetes-node-2"+SysctlPath].Content); !strings.Contains(got, "\n# kubernetes-node-2 of HOME, 2 others\n") {
		t.Errorf("got %s", got)
	}
}

// TestOverrideIsOfThisSetOnly: overriding changes neither the built-in
// templates nor another set.
func TestOverrideIsOfThisSetOnly(t *testing.T) {
	t.Parallel()
	c := loadCluster(t, casesDir+"/minimal/inventory.yaml")
	before := renderTree(t, c)
	if _, err := Parse(templates.Builtin(), templateDir(map[string]string{"sysctl.conf.tmpl": "{{ .Stamp }}\n"})); err != nil {
		t.Fatal(err)
	}
	for path, a := range renderTree(t, c) {
		if !bytes.Equal(a.Content, before[path].Content) {
			t.Errorf("%s changed", path)
		}
	}
}

func TestOverrideRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"empty directory": {nil, "the directory of templates holds no *.tmpl file"},
		"other files":     {map[string]string{"haproxy.cfg": "x", "sub/haproxy.cfg.tmpl": "x"}, "the directory of templates holds no *.tmpl file"},
		"misspelt name":   {map[string]string{"haproxy.conf.tmpl": "x"}, "template haproxy.conf.tmpl overrides nothing: no built-in template has that name"},
		"one misspelt": {
			map[string]string{"sysctl.conf.tmpl": "{{ .Stamp }}\n", "z.tmpl": "x"},
			"template z.tmpl overrides nothing: no built-in template has that name",
		},
		"no name":       {map[string]string{".tmpl": "x"}, "template .tmpl overrides nothing: no built-in template has that name"},
		"empty":         {map[string]string{"sysctl.conf.tmpl": ""}, "template sysctl.conf.tmpl is empty"},
		"blank":         {map[string]string{"sysctl.conf.tmpl": " \n\t\n"}, "template sysctl.conf.tmpl is empty"},
		"only comments": {map[string]string{"sysctl.conf.tmpl": "{{/* later */}}\n"}, "template sysctl.conf.tmpl is empty"},
		"syntax error": {
			map[string]string{"sysctl.conf.tmpl": "{{ .Stamp }}\n{{ if }}\n"},
			"template: sysctl.conf.tmpl:2: missing value for if",
		},
		"not closed":       {map[string]string{"sysctl.conf.tmpl": "{{ .Stamp"}, "template: sysctl.conf.tmpl:1: unclosed action"},
		"unknown function": {map[string]string{"sysctl.conf.tmpl": `{{ env "HOME" }}`}, `template: sysctl.conf.tmpl:1: function "env" not defined`},
		"a clock":          {map[string]string{"sysctl.conf.tmpl": `{{ now }}`}, `template: sysctl.conf.tmpl:1: function "now" not defined`},
		"a random number":  {map[string]string{"sysctl.conf.tmpl": `{{ randInt 1 9 }}`}, `template: sysctl.conf.tmpl:1: function "randInt" not defined`},
	} {
		if _, err := Parse(templates.Builtin(), templateDir(test.files)); err == nil || err.Error() != test.want {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

// TestOverrideFails: what shows only when it is rendered names node, template,
// line and column, and leaves nothing.
func TestOverrideFails(t *testing.T) {
	t.Parallel()
	c := loadCluster(t, casesDir+"/minimal/inventory.yaml")
	for name, test := range map[string]struct{ content, want string }{
		"no stamp":   {"x = 1\n", "kubernetes-node-1: template sysctl.conf.tmpl has {{ .Stamp }} on 0 lines of its own, want exactly 1"},
		"two stamps": {"{{ .Stamp }}\n{{ .Stamp }}\n", "kubernetes-node-1: template sysctl.conf.tmpl has {{ .Stamp }} on 2 lines of its own, want exactly 1"},
		"indented":   {"  {{ .Stamp }}\n", "kubernetes-node-1: template sysctl.conf.tmpl has {{ .Stamp }} on 0 lines of its own, want exactly 1"},
		"missing field": {
			"{{ .Stamp }}\n{{ .Cluster.Vip }}\n",
			`kubernetes-node-1: template: sysctl.conf.tmpl:2:11: executing "sysctl.conf.tmpl" at <.Cluster.Vip>: can't evaluate field Vip in type *inventory.Cluster`,
		},
		"missing template": {
			"{{ .Stamp }}\n{{ template \"other\" . }}\n",
			`kubernetes-node-1: template: sysctl.conf.tmpl:2:12: executing "sysctl.conf.tmpl" at <{{template "other" .}}>: template "other" not defined`,
		},
		"another secret": {
			"{{ .Stamp }}\n{{ secret \"sudo\" }}\n",
			`kubernetes-node-1: template: sysctl.conf.tmpl:2:3: executing "sysctl.conf.tmpl" at <secret "sudo">: error calling secret: the only secret is "vrrp-auth"`,
		},
		"fail": {
			"{{ .Stamp }}\n{{ fail \"not here\" }}\n",
			`kubernetes-node-1: template: sysctl.conf.tmpl:2:3: executing "sysctl.conf.tmpl" at <fail "not here">: error calling fail: not here`,
		},
	} {
		parsed, err := Parse(templates.Builtin(), templateDir(map[string]string{"sysctl.conf.tmpl": test.content}))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		tree, err := parsed.Cluster(c, nil)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
		if tree != nil {
			t.Errorf("%s: %d files beside the error", name, len(tree))
		}
	}
}

// unreadable is a directory of templates that cannot be listed.
type unreadable struct{ fs.FS }

func (unreadable) Glob(string) ([]string, error) { return nil, errors.New("no") }

func TestOverrideUnreadable(t *testing.T) {
	t.Parallel()
	if _, err := Parse(templates.Builtin(), unreadable{}); err == nil || err.Error() != "no" {
		t.Errorf("got %v", err)
	}
	if _, err := Parse(templateDir(map[string]string{"a.tmpl": "{{ if }}"}), nil); err == nil {
		t.Error("a broken built-in template is taken")
	}
}

// TestFacts: what a node was found to be goes before the inventory's silence.
func TestFacts(t *testing.T) {
	t.Parallel()
	c := loadCluster(t, casesDir+"/minimal/inventory.yaml")
	facts := map[string]Facts{"kubernetes-node-2": {Interface: "end0", HAProxy: Version{2, 2, 0}, Keepalived: Version{2, 0, 19}}}
	tree, err := builtin(t).Cluster(c, facts)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range c.Nodes {
		want := DefaultInterface
		if n.Name == "kubernetes-node-2" {
			want = "end0"
		}
		content := string(tree[n.Name+KeepalivedPath].Content)
		if !strings.Contains(content, "\n    interface "+want+"\n") {
			t.Errorf("%s is not on %s", n.Name, want)
		}
		if got := strings.Contains(content, "\nvrrp_track_file "); got != (want == "end0") {
			t.Errorf("%s has vrrp_track_file: %t", n.Name, got)
		}
	}
}
