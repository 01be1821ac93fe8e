package workstation

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
)

// kubeconfigsTo are those of this machine, and write what is said, as cmd does.
func kubeconfigsTo(said io.Writer) Kubeconfigs {
	return Kubeconfigs{
		Say:   func(format string, args ...any) { _, _ = fmt.Fprintf(said, "kplb: "+format+"\n", args...) },
		Paint: func(diff string) string { return diff },
	}
}

// TestKubeconfigs moves the kubeconfig of whoever runs kplb, and back.
func TestKubeconfigs(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("KUBECONFIG", "")
	t.Setenv("XDG_STATE_HOME", "")
	ca, err := os.ReadFile("../testdata/kubeadm/kubeconfig/ca.crt")
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile("../testdata/kubeadm/kubeconfig/admin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := inventory.Parse("x", []byte("apiVersion: kplb/v1alpha1\nkind: Cluster\nname: home\nvip: 10.1.233.1\nendpoint: manage\nnodes:\n- {name: a, address: 10.1.1.1}\n"))
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	k := kubeconfigsTo(&said)
	path := filepath.Join(home, ".kube", "config")
	if err := k.Move(c, ca); err != nil || said.Len() > 0 {
		t.Errorf("without a kubeconfig: %v, %s", err, said.String())
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, before, 0o640); err != nil {
		t.Fatal(err)
	}

	for range 2 { // the second time there is nothing to do
		if err := k.Move(c, ca); err != nil {
			t.Fatal(err)
		}
	}
	moved, _ := os.ReadFile(path)
	if want := strings.Replace(string(before), "https://10.1.1.1:6443", "https://10.1.233.1:6443", 1); string(moved) != want {
		t.Errorf("moved:\n%s", moved)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode: %v, %v", info.Mode(), err)
	}
	if text := said.String(); strings.Count(text, "this machine: ") != 1 || !strings.Contains(text, "+    server: https://10.1.233.1:6443\n") || strings.Contains(text, "key-data: L") {
		t.Errorf("said:\n%s", text)
	}

	if err := k.MoveBack(c, ca); err != nil {
		t.Fatal(err)
	}
	if back, _ := os.ReadFile(path); !bytes.Equal(back, before) {
		t.Errorf("not as before:\n%s", back)
	}
	said.Reset()
	if err := k.MoveBack(c, ca); err != nil || said.Len() > 0 {
		t.Errorf("back a second time: %v, %s", err, said.String())
	}

	c.Endpoint = inventory.Leave
	if err := k.Move(c, ca); err != nil {
		t.Error(err)
	}
	if now, _ := os.ReadFile(path); !bytes.Equal(now, before) {
		t.Error("moved although the inventory leaves it")
	}
}

// TestKubeconfigsLeftAlone names what it does not touch.
func TestKubeconfigsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	link, broken := filepath.Join(dir, "link"), filepath.Join(dir, "broken")
	t.Setenv("KUBECONFIG", link+string(os.PathListSeparator)+broken)
	if err := os.Symlink("elsewhere", link); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(broken, []byte("clusters: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile("../testdata/kubeadm/kubeconfig/ca.crt")
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	k := kubeconfigsTo(&said)
	if err := k.Move(&inventory.Cluster{Name: "home", Endpoint: inventory.Manage}, ca); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"this machine: " + link + " is not a regular file: not touched", "this machine: " + broken + " is not YAML"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("does not say %q:\n%s", want, said.String())
		}
	}
}

// TestKubeconfigsCannotBeKept is not moved: the way back would be lost.
func TestKubeconfigsCannotBeKept(t *testing.T) {
	admin, err := os.ReadFile("../testdata/kubeadm/kubeconfig/admin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile("../testdata/kubeadm/kubeconfig/ca.crt")
	if err != nil {
		t.Fatal(err)
	}
	c, err := inventory.Parse("x", []byte("apiVersion: kplb/v1alpha1\nkind: Cluster\nname: home\nvip: 10.1.233.1\nendpoint: manage\nnodes:\n- {name: a, address: 10.1.1.1}\n"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config, state := filepath.Join(dir, "config"), filepath.Join(dir, "state")
	for path, content := range map[string][]byte{config: admin, state: []byte("no directory")} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("KUBECONFIG", config)
	var said bytes.Buffer
	k := kubeconfigsTo(&said)
	for name, test := range map[string]struct{ state, home, says string }{
		"its place is taken": {state, dir, "this machine: mkdir " + state + ": not a directory"},
		"nobody's home":      {"", "", "this machine: $HOME is not defined"},
	} {
		t.Setenv("XDG_STATE_HOME", test.state)
		t.Setenv("HOME", test.home)
		err := k.Move(c, ca)
		same(t, name, err != nil && err.Error() == test.says, true)
		now, err := os.ReadFile(config)
		if err != nil {
			t.Fatal(err)
		}
		same(t, name+": kubeconfig", string(now), string(admin))
		same(t, name+": said", said.String(), "")
	}
}

// TestKubeconfigsWithoutHome: there is none, and nothing to do.
func TestKubeconfigsWithoutHome(t *testing.T) {
	t.Setenv("KUBECONFIG", "")
	t.Setenv("HOME", "")
	same(t, "kubeconfigs", len(kubeconfigPaths()), 0)
}

// TestKubeconfigsBackUnread: what was kept and cannot be read is said, and
// the kubeconfig stays.
func TestKubeconfigsBackUnread(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config")
	if err := os.WriteFile(config, []byte("clusters: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", config)
	t.Setenv("XDG_STATE_HOME", filepath.Join(dir, "state"))
	c := &inventory.Cluster{Name: "home", Endpoint: inventory.Manage}
	place, err := kept(c, config)
	if err == nil {
		err = os.MkdirAll(place, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	if err := kubeconfigsTo(&said).MoveBack(c, nil); err != nil {
		t.Error(err)
	}
	same(t, "said", said.String(), "kplb: this machine: "+config+" read "+place+": is a directory: not touched\n")
	now, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "kubeconfig", string(now), "clusters: []\n")
}
