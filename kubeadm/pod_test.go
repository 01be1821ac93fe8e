package kubeadm

import (
	"strings"
	"testing"
)

func TestPodFlag(t *testing.T) {
	t.Parallel()
	pod := func(lines string) string {
		return "spec:\n  containers:\n  - name: other\n    args: [--a=other]\n  - name: c\n" + lines
	}
	for name, c := range map[string]struct {
		source, value string
		set           bool
	}{
		"command":           {pod("    command:\n    - x\n    - --a=b\n"), "b", true},
		"args":              {pod("    args:\n    - --a=b\n"), "b", true},
		"flow":              {pod("    command: [x, '--a=b=c,d']\n"), "b=c,d", true},
		"the last":          {pod("    command: [x, --a=1, --a=2, --b=3]\n"), "2", true},
		"args after all":    {pod("    args: [--a=1]\n    command: [x, --a=2]\n"), "1", true},
		"two items":         {pod("    command: [x, --a, 10.0.0.0/8, --b]\n"), "10.0.0.0/8", true},
		"no value":          {pod("    command: [x, --a, --b]\n"), "true", true},
		"no value, last":    {pod("    command: [x, --a]\n"), "true", true},
		"empty":             {pod("    command: [x, --a=]\n"), "", true},
		"not there":         {pod("    command: [x, --ab=1, -a=2, a=3, --b=--a=4, ---a=5]\n"), "", false},
		"after the flags":   {pod("    command: [x, --, --a=1]\n"), "", false},
		"nothing":           {pod(""), "", false},
		"null":              {pod("    command: null\n    args: []\n"), "", false},
		"escaped variable":  {pod("    command: [x, --a=$HOME]\n"), "$HOME", true},
		"number":            {pod("    command: [x, --a=1, 2]\n"), "1", true},
		"other container's": {pod("    command: [x]\n"), "", false},
	} {
		value, set, err := Distribution{}.Flag([]byte(c.source), "c", "a")
		if value != c.value || set != c.set || err != nil {
			t.Errorf("%s: %q %t %v, want %q %t", name, value, set, err, c.value, c.set)
		}
	}
	for flag, want := range map[string]string{
		"service-cluster-ip-range": "10.96.0.0/12", "secure-port": "6443", "anonymous-auth": "", "service-node-port-range": "",
	} {
		value, set, err := Distribution{}.Flag([]byte(genuine(t)), "kube-apiserver", flag)
		if value != want || set != (want != "") || err != nil {
			t.Errorf("%s: %q %t %v, want %q", flag, value, set, err, want)
		}
	}
	underscores := strings.Replace(genuine(t), "--service-cluster-ip-range", "--service_cluster_ip-range", 1)
	if value, _, err := (Distribution{}).Flag([]byte(underscores), "kube-apiserver", "service-cluster-ip-range"); value != "10.96.0.0/12" || err != nil {
		t.Errorf("underscores: %q %v", value, err)
	}

	for name, c := range map[string]struct{ source, want string }{
		"not YAML":       {"a: [", "is not YAML: yaml: line 2: did not find expected node content"},
		"empty":          {"", "is empty"},
		"no containers":  {"spec: {containers: x}\n", "has no spec.containers"},
		"no container":   {"spec: {containers: [{name: d}]}\n", "has no container named c"},
		"a shell":        {pod("    command: [sh, -c, 'exec x  --a=1']\n"), "line 6: has --a inside of a longer text, which is not read"},
		"a shell, last":  {pod("    command: [sh, -c, \"x --b\\n--a\"]\n"), "line 6: has --a inside of a longer text, which is not read"},
		"a variable":     {pod("    args: [--a=$(B)]\n"), "line 6: has a variable in --a, which is not looked up"},
		"item is a map":  {pod("    args: [{a: b}]\n"), "line 6: an item of args is not a string"},
		"args is string": {pod("    args: --a=1\n"), "line 6: args is not a list"},
		"too large":      {strings.Repeat("#", 1<<20+1), "has 1048577 bytes, more than 1 MiB"},
		"alias":          {pod("    command: &x [y, --a=1]\n    args: *x\n"), "line 7: has an alias, which is not followed"},
	} {
		value, set, err := Distribution{}.Flag([]byte(c.source), "c", "a")
		if value != "" || set || err == nil || err.Error() != c.want {
			t.Errorf("%s: %q %t %v, want %s", name, value, set, err, c.want)
		}
	}
}
