package kubeadm

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sharing is the edit that makes kubeadm remember a flag.
var sharing = ClusterEdit{Args: map[string]string{"permit-port-sharing": "true"}}

// whole is an edit of everything.
var whole = ClusterEdit{Endpoint: vipEndpoint, SANs: vipSANs, Args: sharing.Args}

// argsAsKubeadmWrites are the texts that are byte for byte what they were when
// the flag is taken back.
func argsAsKubeadmWrites(path string) bool {
	name := strings.TrimSuffix(filepath.Base(path), ".yaml")
	return !slices.Contains([]string{"no-apiserver", "empty-flow", "v1beta3-braces", "null", "no-value", "unquoted"}, name)
}

func TestEditClusterArgs(t *testing.T) {
	t.Parallel()
	cases(t, "args", func(t *testing.T, path string, source []byte) {
		untouched := bytes.Clone(source)
		was, err := ParseCluster(source)
		if err != nil {
			t.Fatal(err)
		}
		edited, err := EditCluster(source, sharing)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(source, untouched) {
			t.Error("the source was changed")
		}
		golden(t, strings.TrimSuffix(path, ".yaml")+".golden", edited)
		checkCluster(t, source, edited, sharing)

		back, err := ClusterLikeIn(edited, was.Before(sharing))
		if err != nil {
			t.Fatalf("going back: %v", err)
		}
		if argsAsKubeadmWrites(path) != bytes.Equal(back, source) {
			t.Errorf("going back does not end where it should:\n%s", cmp.Diff(string(source), string(back)))
		}
		if is, err := ParseCluster(back); err != nil || !cmp.Equal(was, is) {
			t.Errorf("going back means something else: %v\n%s", err, cmp.Diff(was, is))
		}
	})
}

// TestEditClusterWhole: an edit of everything is those of each, and goes back
// to where it began.
func TestEditClusterWhole(t *testing.T) {
	t.Parallel()
	cases(t, "cluster", func(t *testing.T, path string, source []byte) {
		edited, err := EditCluster(source, whole)
		if name := filepath.Base(path); name == "json-all-there.yaml" || name == "sans-flow.yaml" {
			if err == nil || !strings.Contains(err.Error(), " is in flow style, ") {
				t.Errorf("got %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		checkCluster(t, source, edited, whole)
		apart, err := EditCluster(source, sharing)
		if err != nil {
			t.Fatal(err)
		}
		if apart, err = EditCluster(apart, vipEdit); err != nil || !bytes.Equal(apart, edited) {
			t.Errorf("apart: %v\n%s", err, cmp.Diff(string(edited), string(apart)))
		}
		was, _ := ParseCluster(source)
		before := was.Before(whole)
		before.Had = bytes.Contains(source, []byte("controlPlaneEndpoint"))
		back, err := ClusterLikeIn(edited, before)
		if err != nil {
			t.Fatalf("going back: %v", err)
		}
		if asKubeadmWrites(path) && !bytes.Contains(source, []byte("extraArgs: []")) && !bytes.Equal(back, source) {
			t.Errorf("going back does not end where it should:\n%s", cmp.Diff(string(source), string(back)))
		}
		if is, err := ParseCluster(back); err != nil || !cmp.Equal(was, is) {
			t.Errorf("going back means something else: %v\n%s", err, cmp.Diff(was, is))
		}
	})
}

// TestKubeadmTakesArgs asks kubeadm itself, where the lab has fetched it.
func TestKubeadmTakesArgs(t *testing.T) {
	t.Parallel()
	found, _ := filepath.Glob("/var/cache/kplb-lab/kubernetes-*/kubeadm")
	if len(found) == 0 {
		t.Skip("the lab has fetched no kubeadm")
	}
	paths, err := filepath.Glob("../testdata/kubeadm/args/*.golden")
	if err != nil || len(paths) == 0 {
		t.Fatal(len(paths), err)
	}
	for _, path := range paths {
		out, err := exec.CommandContext(t.Context(), found[0], "config", "validate", "--config", path).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", path, err, out)
		}
	}
}

// TestArgsAdded: several flags, and values that mean another thing without
// quotes, stand where kubeadm would write them.
func TestArgsAdded(t *testing.T) {
	t.Parallel()
	args := map[string]string{"v": "4", "a": "", "n-1": "yes", "m": "0x1f", "z": "a:b,c=d", "k": "~"}
	for version, want := range map[string]string{
		v1beta4: "  extraArgs:\n  - name: k\n    value: \"~\"\n  - name: b\n    value: x\n  - name: a\n    value: \"\"\n  - name: m\n    value: \"0x1f\"\n" +
			"  - name: n-1\n    value: \"yes\"\n  - name: v\n    value: \"4\"\n  - name: z\n    value: a:b,c=d\n",
		v1beta3: "  extraArgs:\n    a: \"\"\n    b: x\n    k: \"~\"\n    m: \"0x1f\"\n    n-1: \"yes\"\n    v: \"4\"\n    z: a:b,c=d\n",
	} {
		list := "  - name: k\n    value: \"1\"\n  - name: b\n    value: x\n"
		if version == v1beta3 {
			list = "    b: x\n    k: \"1\"\n"
		}
		head := "kind: ClusterConfiguration\napiVersion: " + version + "\napiServer:\n"
		edited, err := EditCluster([]byte(head+"  extraArgs:\n"+list), ClusterEdit{Args: args})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(head+want, string(edited)); d != "" {
			t.Errorf("%s (-want +got):\n%s", version, d)
		}
	}
}

// argsText is a ClusterConfiguration with lines of extraArgs, which begin in
// line 5.
func argsText(version, lines string) string {
	return "apiVersion: " + version + "\nkind: ClusterConfiguration\napiServer:\n  extraArgs:\n" + lines
}

func TestEditClusterRefusesArgs(t *testing.T) {
	t.Parallel()
	const flag = "  - name: permit-port-sharing\n"
	for name, c := range map[string]struct{ source, want string }{
		"unknown version": {argsText("kubeadm.k8s.io/v1beta5", flag), `line 1: is of apiVersion "kubeadm.k8s.io/v1beta5", and known are kubeadm.k8s.io/v1beta3 and kubeadm.k8s.io/v1beta4`},
		"no version":      {"kind: ClusterConfiguration\n", `is of apiVersion "", and known are kubeadm.k8s.io/v1beta3 and kubeadm.k8s.io/v1beta4`},
		"a map":           {argsText(v1beta4, "    a: b\n"), "line 5: extraArgs is not a list, as it is in kubeadm.k8s.io/v1beta4"},
		"a list":          {argsText(v1beta3, "  - name: a\n"), "line 5: extraArgs is not a mapping, as it is in kubeadm.k8s.io/v1beta3"},
		"a string":        {argsText(v1beta4, "    a\n"), "line 5: extraArgs is not a list, as it is in kubeadm.k8s.io/v1beta4"},
		"a string item":   {argsText(v1beta4, "  - a=b\n"), "line 5: an item of extraArgs has no name"},
		"no name":         {argsText(v1beta4, "  - name: a\n  - value: b\n"), "line 6: an item of extraArgs has no name"},
		"a list of names": {argsText(v1beta4, "  - name: [a]\n"), "line 5: name is not a string"},
		"a map of values": {argsText(v1beta4, "  - name: a\n    value: {b: c}\n"), "line 6: value is not a string"},
		"a map in a map":  {argsText(v1beta3, "    a: {b: c}\n"), "line 5: a is not a string"},
		"a null item":     {argsText(v1beta4, "  -\n"), "line 5: an item of extraArgs has no name"},
		"no value":        {argsText(v1beta4, flag), "line 5: permit-port-sharing is written in a form that is not edited"},
		"odd value":       {argsText(v1beta4, flag+"    value: a b\n"), "line 5: permit-port-sharing is written in a form that is not edited"},
		"folded value":    {argsText(v1beta4, flag+"    value: >-\n      a\n"), "line 6: permit-port-sharing is written in a form that is not edited"},
		"escaped value":   {argsText(v1beta4, flag+"    value: \"\\x61\"\n"), "line 6: permit-port-sharing is written in a form that is not edited"},
		"tagged value":    {argsText(v1beta3, "    permit-port-sharing: !!str a\n"), "line 5: permit-port-sharing is written in a form that is not edited"},
		"flow item":       {argsText(v1beta4, "  - {name: permit-port-sharing, value: a}\n"), "line 5: permit-port-sharing is not alone on its line"},
		"flow list":       {clusterText("apiServer:\n  extraArgs: [{name: a, value: b}]\n"), "line 4: a is not alone on its line"},
		"flow apiServer":  {clusterText("apiServer: {extraArgs: []}\n"), `line 3: "extraArgs" is not the first on its line`},
		"flow map":        {argsText(v1beta3, "    {a: b, z: c}\n"), "line 5: is in flow style, to which permit-port-sharing is not added"},
		"flow map's end":  {argsText(v1beta3, "    {a: b}\n"), "line 5: a is not alone on its line"},
		"anchored list":   {clusterText("apiServer:\n  extraArgs: &a []\n"), "line 4: extraArgs is written in a form that is not edited"},
		"last one folded": {argsText(v1beta4, "  - name: a\n    value: b\n      c\n"), "line 6: a is written in a form that is not edited"},
		"below its dash":  {argsText(v1beta4, "  -\n    name: a\n    value: b\n"), "line 6: a is not alone on its line"},
		"explicit key":    {argsText(v1beta4, "  - ? name\n    : permit-port-sharing\n    value: a\n"), "line 5: permit-port-sharing is not alone on its line"},
		"explicit keys":   {argsText(v1beta3, "    ? a\n    : b\n"), "line 5: a is not alone on its line"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// with lines that come before: a message has those of the source
			edited, err := EditCluster([]byte(c.source), whole)
			if name == "flow apiServer" {
				edited, err = EditCluster([]byte(c.source), sharing)
			}
			if err == nil || err.Error() != c.want || edited != nil {
				t.Errorf("got %v\n%s\nwant %s", err, edited, c.want)
			}
		})
	}
	for name, want := range map[string]string{"A": "cannot take --A=a as a flag of the apiserver", "": "cannot take --=a as a flag of the apiserver"} {
		if _, err := EditCluster([]byte(clusterText("")), ClusterEdit{Args: map[string]string{name: "a"}}); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for _, value := range []string{"a b", "'", `"`, `\`, "a\nb: c", "é"} {
		if _, err := EditCluster([]byte(clusterText("")), ClusterEdit{Args: map[string]string{"a": value}}); err == nil {
			t.Errorf("takes %q", value)
		}
	}
}

// TestArgsLikeInLater: what came in between stays.
func TestArgsLikeInLater(t *testing.T) {
	t.Parallel()
	off := "false"
	for name, c := range map[string]struct {
		version, now string
		was          *string
		want         string
	}{
		"another flag":      {v1beta4, "  - name: permit-port-sharing\n    value: \"true\"\n  - name: v\n    value: \"4\"\n", nil, "  - name: v\n    value: \"4\"\n"},
		"another, in a map": {v1beta3, "    a: b\n    permit-port-sharing: \"true\" # c\n    v: \"4\"\n", nil, "    a: b\n    v: \"4\"\n"},
		"added by others, too": {v1beta4, "  - name: permit-port-sharing\n    value: \"false\"\n  - name: a\n    value: b\n  - value: \"true\"\n    # why\n    name: permit-port-sharing\n", nil,
			"  - name: a\n    value: b\n    # why\n"},
		"it is gone":          {v1beta4, "  - name: a\n    value: b\n", nil, "  - name: a\n    value: b\n"},
		"it is gone, and was": {v1beta4, "  - name: a\n    value: b\n", &off, "  - name: a\n    value: b\n  - name: permit-port-sharing\n    value: \"false\"\n"},
		"it was something":    {v1beta3, "    permit-port-sharing: \"true\"\n", &off, "    permit-port-sharing: \"false\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ClusterLikeIn([]byte(argsText(c.version, c.now)), ClusterBefore{Args: map[string]*string{"permit-port-sharing": c.was}})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(argsText(c.version, c.want), string(got)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	gone := ClusterBefore{Args: map[string]*string{"a": nil}}
	for name, c := range map[string]struct{ now, want string }{
		"flow list":       {clusterText("apiServer:\n  extraArgs: [{name: a, value: b}]\n"), "line 4: a is not alone on its line"},
		"flow map":        {argsText(v1beta3, "    {a: b}\n"), "line 5: a is not alone on its line"},
		"literal":         {argsText(v1beta3, "    a: |\n      b\n"), "line 5: a is written in a form that is not edited"},
		"something other": {argsText(v1beta4, "  - name: a\n    x: {y: z}\n"), "line 6: a is written in a form that is not edited"},
		"no list":         {argsText(v1beta4, "    a: b\n"), "line 5: extraArgs is not a list, as it is in kubeadm.k8s.io/v1beta4"},
	} {
		if got, err := ClusterLikeIn([]byte(c.now), gone); err == nil || err.Error() != c.want || got != nil {
			t.Errorf("%s: got %v, want %s\n%s", name, err, c.want, got)
		}
	}
}

// TestClusterBefore: it survives as JSON, and what earlier versions wrote can
// be read.
func TestClusterBefore(t *testing.T) {
	t.Parallel()
	old, off := "node-1.home:6443", "false"
	for text, want := range map[string]ClusterBefore{
		`{"controlPlaneEndpoint":"node-1.home:6443","had":true,"addedSANs":["10.1.233.1"],"hadSANs":true}`: {Endpoint: &old, Had: true, AddedSANs: []string{"10.1.233.1"}},
		`{"controlPlaneEndpoint":"","had":false,"addedSANs":null,"hadSANs":false}`:                         {Endpoint: new(string)},
		`{"had":false,"addedSANs":null,"apiServerArgs":{"a":null,"b":"false"}}`:                            {Args: map[string]*string{"a": nil, "b": &off}},
	} {
		var got ClusterBefore
		if err := json.Unmarshal([]byte(text), &got); err != nil || !cmp.Equal(want, got) {
			t.Errorf("%s: %v\n%s", text, err, cmp.Diff(want, got))
		}
		again, _ := json.Marshal(got)
		if err := json.Unmarshal(again, &got); err != nil || !cmp.Equal(want, got) {
			t.Errorf("%s: %v\n%s", again, err, cmp.Diff(want, got))
		}
	}
}

// TestClusterBeforeAnd: the first edit knows what was there before all.
func TestClusterBeforeAnd(t *testing.T) {
	t.Parallel()
	first, second, off := "a", "b", "false"
	got := ClusterBefore{Endpoint: &first, Had: true, AddedSANs: []string{"x"}, Args: map[string]*string{"f": nil}}.
		And(ClusterBefore{Endpoint: &second, AddedSANs: []string{"X", "y"}, Args: map[string]*string{"f": &off, "g": &off}})
	want := ClusterBefore{Endpoint: &first, Had: true, AddedSANs: []string{"x", "y"}, Args: map[string]*string{"f": nil, "g": &off}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	got = ClusterBefore{}.And(ClusterBefore{Endpoint: &second, Had: true})
	if d := cmp.Diff(ClusterBefore{Endpoint: &second, Had: true, Args: map[string]*string{}}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
