package kubeadm

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const vipEndpoint = "10.1.233.1:6443"

var vipSANs = []string{"10.1.233.1", "api.home", "fd10::"}

// vipEdit is what an edit usually asks for, beside flags.
var vipEdit = ClusterEdit{Endpoint: vipEndpoint, SANs: vipSANs}

// asKubeadmWrites are the texts that are byte for byte what they were when an
// edit is taken back. The others mean what they did.
func asKubeadmWrites(path string) bool {
	name := strings.TrimSuffix(filepath.Base(path), ".yaml")
	return !slices.Contains([]string{"no-apiserver", "nothing-else", "apiserver-null", "apiserver-braces", "sans-null", "sans-flow"}, name)
}

func TestEditCluster(t *testing.T) {
	t.Parallel()
	cases(t, "cluster", func(t *testing.T, path string, source []byte) {
		untouched := bytes.Clone(source)
		was, err := ParseCluster(source)
		if err != nil {
			t.Fatal(err)
		}
		edited, err := EditCluster(source, vipEdit)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(source, untouched) {
			t.Error("the source was changed")
		}
		golden(t, strings.TrimSuffix(path, ".yaml")+".golden", edited)
		checkCluster(t, source, edited, vipEdit)

		before := was.Before(vipEdit)
		before.Had = bytes.Contains(source, []byte("controlPlaneEndpoint"))
		back, err := ClusterLikeIn(edited, before)
		if err != nil {
			t.Fatalf("going back: %v", err)
		}
		if asKubeadmWrites(path) != bytes.Equal(back, source) {
			t.Errorf("going back does not end where it should:\n%s", cmp.Diff(string(source), string(back)))
		}
		if is, err := ParseCluster(back); err != nil || !cmp.Equal(was, is) {
			t.Errorf("going back means something else: %v\n%s", err, cmp.Diff(was, is))
		}
	})
}

// checkCluster asserts what holds for every edit: it reads back, the second one
// changes nothing, nothing else means another thing, and lines only come.
func checkCluster(t *testing.T, source, edited []byte, e ClusterEdit) {
	t.Helper()
	was, err := ParseCluster(source)
	if err != nil {
		t.Fatal(err)
	}
	is, err := ParseCluster(edited)
	if err != nil {
		t.Fatalf("the edited text %v", err)
	}
	want := *was
	if e.Endpoint != "" {
		want.ControlPlaneEndpoint = e.Endpoint
	}
	want.CertSANs, want.APIServerArgs = append(slices.Clone(was.CertSANs), was.Lacks(e.SANs)...), argsAfter(was, e)
	sorted := cmpopts.SortSlices(func(a, b Arg) bool { return was.APIVersion == v1beta3 && a.Name < b.Name }) // a map has no order
	if d := cmp.Diff(&want, is, cmpopts.EquateEmpty(), sorted); d != "" {
		t.Errorf("reads back (-want +got):\n%s", d)
	}
	again, err := EditCluster(edited, e)
	if err != nil || !bytes.Equal(again, edited) {
		t.Errorf("a second edit changes something: %v\n%s", err, cmp.Diff(string(edited), string(again)))
	}
	if was, is := foreignLines(source), foreignLines(edited); !containsInOrder(is, was) || len(is) > len(was)+len(e.SANs) {
		t.Errorf("other lines changed:\n%s", cmp.Diff(was, is))
	}
}

// argsAfter are the flags as an edit should make them.
func argsAfter(was *Cluster, e ClusterEdit) []Arg {
	args := slices.Clone(was.APIServerArgs)
	for name, value := range e.Args {
		if i := was.lastArg(name); i >= 0 {
			args[i].Value = value
		} else {
			args = append(args, Arg{name, value})
		}
	}
	return args
}

// foreignLines are those that have nothing that an edit is about.
func foreignLines(text []byte) []string {
	own := regexp.MustCompile(`controlPlaneEndpoint|apiServer|certSANs|fd10::|extraArgs|permit-port-sharing|value:`)
	root, _ := parse(text)
	endpoint := child(root, "controlPlaneEndpoint")
	var foreign []string
	for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		if !own.MatchString(line) && (endpoint == nil || i != endpoint.Line-1) {
			foreign = append(foreign, strings.TrimSuffix(line, "\r"))
		}
	}
	return foreign
}

// containsInOrder says whether all of some lines are among others, in their order.
func containsInOrder(all, some []string) bool {
	for _, line := range all {
		if len(some) > 0 && line == some[0] {
			some = some[1:]
		}
	}
	return len(some) == 0
}

func TestParseCluster(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../testdata/kubeadm/cluster/genuine-with-sans.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseCluster(source)
	if err != nil {
		t.Fatal(err)
	}
	want := &Cluster{
		APIVersion: "kubeadm.k8s.io/v1beta4", ServiceSubnet: "10.96.0.0/12", DNSDomain: "cluster.local",
		CertSANs:      []string{"api.home", "10.1.233.1", "fd10:1::100", "*.lab"},
		APIServerArgs: []Arg{{"authorization-mode", "Node,RBAC"}},
	}
	if d := cmp.Diff(want, c); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got, want := c.Lacks([]string{"API.home", "fd10:1:0::100", "10.1.1.1", "x.lab", "10.1.1.1", "X.lab"}), []string{"10.1.1.1", "x.lab"}; !slices.Equal(got, want) {
		t.Errorf("lacks %q, want %q", got, want)
	}
}

// clusterText is a ClusterConfiguration with some lines.
func clusterText(lines string) string {
	return "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n" + lines
}

func TestEditClusterRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ source, want string }{
		"empty":          {"", "is empty"},
		"not YAML":       {"a: [b\n", "is not YAML: yaml: line 2: did not find expected ',' or ']'"},
		"unknown anchor": {"a: *hunter2\n", "is not YAML: yaml: line 1: an alias without its anchor"},
		"alias":          {clusterText("a: &x b\nc: *x\n"), "line 4: has an alias, which is not followed"},
		"merge key":      {clusterText("apiServer:\n  <<: {certSANs: [a]}\n"), "line 4: has a merge key, which is not followed"},
		"duplicate":      {clusterText("kind: a\n"), `line 3: has key "kind" a second time`},
		"second":         {clusterText("---\na: b\n"), "has a second YAML document"},
		"too large":      {clusterText("#" + strings.Repeat("x", 1<<20)), "has 1048639 bytes, more than 1 MiB"},
		"list":           {"- a\n", `is of kind "", not ClusterConfiguration`},
		"other kind":     {"apiVersion: v1\nkind: Pod\n", `is of kind "Pod", not ClusterConfiguration`},
		"old version": {
			"apiVersion: kubeadm.k8s.io/v1beta2\nkind: ClusterConfiguration\n",
			`line 1: is of apiVersion "kubeadm.k8s.io/v1beta2", and known are kubeadm.k8s.io/v1beta3 and kubeadm.k8s.io/v1beta4`,
		},
		"endpoint is a list":    {clusterText("controlPlaneEndpoint: [a]\n"), "line 3: controlPlaneEndpoint is not a string"},
		"networking is a list":  {clusterText("networking: [a]\n"), "line 3: networking is not a mapping"},
		"apiServer is a string": {clusterText("apiServer: x\n"), "line 3: apiServer is not a mapping"},
		"apiServer is no list":  {clusterText("apiServer: []\n"), "line 3: apiServer is not a mapping"},
		"SANs are a string":     {clusterText("apiServer:\n  certSANs: a\n"), "line 4: certSANs is not a list"},
		"SANs are an empty map": {clusterText("apiServer:\n  certSANs: {}\n"), "line 4: certSANs is written in a form that is not edited"},
		"SAN is a map":          {clusterText("apiServer:\n  certSANs:\n  - a: b\n"), "line 5: an item of certSANs is not a string"},
		"SAN is null":           {clusterText("apiServer:\n  certSANs:\n  -\n"), "line 5: an item of certSANs is not a string"},
		"SAN on two lines":      {clusterText("apiServer:\n  certSANs:\n  - a\n    b\n"), "line 5: an item of certSANs is written in a form that is not edited"},
		"SAN below its dash":    {clusterText("apiServer:\n  certSANs:\n  -\n    a\n"), "line 6: an item of certSANs is not alone on its line"},
		"escaped SAN":           {clusterText("apiServer:\n  certSANs: [\"\\x61\"]\n"), "line 4: an item of certSANs is written in a form that is not edited"},
		"anchored SANs":         {clusterText("apiServer:\n  certSANs: &a []\n"), "line 4: certSANs is written in a form that is not edited"},
		"anchored apiServer":    {clusterText("apiServer: &a\nx: y\n"), "line 3: apiServer is written in a form that is not edited"},
		"tagged apiServer":      {clusterText("apiServer: !!map {}\n"), "line 3: apiServer is written in a form that is not edited"},
		"apiServer below":       {clusterText("apiServer:\n  {}\n"), "line 4: apiServer is written in a form that is not edited"},
		"explicit key":          {clusterText("? apiServer\n: {}\n"), `line 3: "apiServer" is not the first on its line`},
		"key at the end":        {clusterText("? controlPlaneEndpoint\n"), "does not read back its controlPlaneEndpoint, certSANs and extraArgs after the edit"},
		"list key at the end":   {clusterText("apiServer:\n  ? certSANs\n"), `line 4: "certSANs" is not the first on its line`},
		"flow apiServer":        {clusterText("apiServer: {extraVolumes: [x]}\n"), "line 3: is in flow style, to which certSANs is not added"},
		"folded endpoint":       {clusterText("controlPlaneEndpoint: >-\n  a\n"), "line 3: controlPlaneEndpoint is written in a form that is not edited"},
		"tagged endpoint":       {clusterText("controlPlaneEndpoint: !!str a\n"), "line 3: controlPlaneEndpoint is written in a form that is not edited"},
		"JSON":                  {"{\n\"apiVersion\": \"kubeadm.k8s.io/v1beta4\",\n\"kind\": \"ClusterConfiguration\",\n\"apiServer\": {}}\n", "line 1: is in flow style, which is not edited"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			edited, err := EditCluster([]byte(c.source), vipEdit)
			if err == nil || err.Error() != c.want || edited != nil {
				t.Errorf("got %v\n%s\nwant %s", err, edited, c.want)
			}
		})
	}
}

func TestEditClusterRefusesValues(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]bool{
		"": true, "10.1.233.1": true, "10.1.233.1:6443": true, "api.home:6443": true, "[fd10::1]:6443": true, "[fd10::1]": true,
		"fd10::1": false, "fd10::1:6443": false, "a b": false, "a:0": false, "a:65536": false, "a:": false, ":1": false, "a/b": false, "A.home": false,
		"[a]:1": false, "[fd10::1%eth0]": false, "a\n": false, "[fd10::1": false, "a:+1": false, "-a": false, "a..b": false,
	} {
		_, err := EditCluster([]byte(clusterText("")), ClusterEdit{Endpoint: endpoint})
		if (err == nil) != want {
			t.Errorf("endpoint %q: %v", endpoint, err)
		}
	}
	for san, want := range map[string]bool{
		"a": true, "*.a.b": true, "10.1.1.1": true, "fd10::": true, "1:2:3:4:5:6:7:8": true, "true": true, "1.2": true, "0x1f": true,
		"": false, "*": false, "*.10.1.1.1": true, "*.fd10::1": false, "a.*": false, "A": false, "a_b": false, "a b": false, "a:1": false, "[fd10::]": false,
		strings.Repeat("a", 64): false, "fe80::1%eth0": false, "a\n- b": false, "'": false,
	} {
		edited, err := EditCluster([]byte(clusterText("")), ClusterEdit{SANs: []string{san}})
		if (err == nil) != want {
			t.Errorf("SAN %q: %v\n%s", san, err, edited)
		}
	}
}

// TestClusterLikeInLater: what came in between stays.
func TestClusterLikeInLater(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ now, endpoint, want string }{
		"a SAN of somebody else": {
			"apiServer:\n  certSANs:\n  - 10.1.233.1\n  - new.home\n  - 'FD10:0::'\ncontrolPlaneEndpoint: 10.1.233.1:6443\n", "a:6443",
			"apiServer:\n  certSANs:\n  - new.home\ncontrolPlaneEndpoint: a:6443\n",
		},
		"all is gone":         {"apiServer: {}\n", "", "apiServer: {}\n"},
		"another field":       {"apiServer:\n  certSANs:\n  - api.home\n  extraArgs: []\n", "", "apiServer:\n  extraArgs: []\n"},
		"a comment":           {"apiServer:\n  certSANs:\n  - api.home\n  # why\n", "", "apiServer: {}\n  # why\n"},
		"flow, first and mid": {"apiServer: {certSANs: [api.home, a, 10.1.233.1, 'fd10::', b]}\n", "", "apiServer: {certSANs: [a, b]}\n"},
		"flow, all":           {"apiServer: {certSANs: [ api.home, 10.1.233.1 ]}\n", "", "apiServer: {certSANs: [  ]}\n"},
		"no final newline":    {"apiServer:\n  certSANs:\n  - api.home\n  - 10.1.233.1", "", "apiServer: {}"},
		"endpoint is last":    {"apiServer: {}\ncontrolPlaneEndpoint: a # b", "", "apiServer: {}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ClusterLikeIn([]byte(clusterText(c.now)), ClusterBefore{Endpoint: &c.endpoint, Had: c.endpoint != "", AddedSANs: vipSANs})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(clusterText(c.want), string(got)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	a, broken := "a", "a\nb"
	now, want := "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\n", "apiVersion: kubeadm.k8s.io/v1beta3\ncontrolPlaneEndpoint: a\nkind: ClusterConfiguration\n"
	if got, err := ClusterLikeIn([]byte(now), ClusterBefore{Endpoint: &a, Had: true}); err != nil || string(got) != want {
		t.Errorf("endpoint is gone: %v\n%s", err, got)
	}
	for name, c := range map[string]struct{ now, want string }{
		"explicit key":     {"? controlPlaneEndpoint\n: a\n", "line 3: controlPlaneEndpoint is not alone on its line"},
		"literal":          {"controlPlaneEndpoint: |\n  a\n", "line 3: controlPlaneEndpoint is written in a form that is not edited"},
		"comment in flow":  {"apiServer:\n  certSANs: [a, # b\n   api.home]\n", "line 5: certSANs is written in a form that is not edited"},
		"SAN in two lines": {"apiServer:\n  certSANs:\n  - api.home\n    # c\n  - !!str 10.1.233.1\n", "line 7: an item of certSANs is written in a form that is not edited"},
	} {
		got, err := ClusterLikeIn([]byte(clusterText(c.now)), ClusterBefore{Endpoint: new(string), AddedSANs: vipSANs})
		if err == nil || err.Error() != c.want || got != nil {
			t.Errorf("%s: got %v, want %s\n%s", name, err, c.want, got)
		}
	}
	if got, err := ClusterLikeIn([]byte(clusterText("controlPlaneEndpoint: b\n")), ClusterBefore{Endpoint: &broken, Had: true}); err == nil || err.Error() != `cannot take "a\nb" as controlPlaneEndpoint` {
		t.Errorf("got %v\n%s", err, got)
	}
}

// FuzzEditCluster: no panic; what is not refused reads back, changes no other
// line, and can be taken back to the same meaning.
func FuzzEditCluster(f *testing.F) {
	seed(f, "cluster", "args")
	f.Fuzz(func(t *testing.T, source []byte) {
		for _, e := range []ClusterEdit{vipEdit, sharing, whole} {
			edited, err := EditCluster(source, e)
			if err != nil {
				if strings.Contains(err.Error(), "\n") {
					t.Errorf("a message of several lines: %q", err)
				}
				continue
			}
			checkCluster(t, source, edited, e)
			was, _ := ParseCluster(source)
			back, err := ClusterLikeIn(edited, was.Before(e))
			if err != nil {
				if harmless(was.ControlPlaneEndpoint) {
					t.Errorf("cannot be taken back: %v\n%s", err, edited)
				}
				continue
			}
			if is, err := ParseCluster(back); err != nil || !cmp.Equal(was, is) {
				t.Errorf("going back means something else: %v\n%s", err, cmp.Diff(was, is))
			}
		}
	})
}

// seed adds the files of directories of testdata/kubeadm to a corpus.
func seed(f *testing.F, dirs ...string) {
	f.Helper()
	for _, dir := range dirs {
		paths, err := filepath.Glob("../testdata/kubeadm/" + dir + "/*.yaml")
		if err != nil || len(paths) == 0 {
			f.Fatal(len(paths), err)
		}
		for _, path := range paths {
			source, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(source)
		}
	}
}
