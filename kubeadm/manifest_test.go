package kubeadm

import (
	"bytes"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "write the goldens anew")

var node1 = netip.MustParseAddr("10.1.1.1")

// cases calls test for every manifest of a directory of testdata/kubeadm.
func cases(t *testing.T, dir string, test func(t *testing.T, path string, source []byte)) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("../testdata/kubeadm", dir, "*.yaml"))
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d manifests: %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			t.Parallel()
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			test(t, path, source)
		})
	}
}

// golden compares got with a file, or writes the file.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}

func TestBindTo(t *testing.T) {
	t.Parallel()
	cases(t, "good", func(t *testing.T, path string, source []byte) {
		before := bytes.Clone(source)
		edited, err := Distribution{}.BindTo(source, node1)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(source, before) {
			t.Error("the source was changed")
		}
		golden(t, strings.TrimSuffix(path, ".yaml")+".golden", edited)
		checkEdit(t, source, edited, node1)
	})
}

// checkEdit asserts what holds for every edit: it reads back, the second one
// changes nothing, only lines of the two flags differ, and the pod is the same
// but for the two flags.
func checkEdit(t *testing.T, source, edited []byte, address netip.Addr) {
	t.Helper()
	m, err := ParseManifest(edited)
	if err != nil {
		t.Fatalf("the edited manifest %v", err)
	}
	for _, name := range []string{"advertise-address", "bind-address"} {
		if got, ok := m.Flag(name); !ok || got != address.String() {
			t.Errorf("--%s is %q (%t), want %s", name, got, ok, address)
		}
	}
	again, err := Distribution{}.BindTo(edited, address)
	if err != nil || !bytes.Equal(again, edited) {
		t.Errorf("a second edit changes something: %v\n%s", err, cmp.Diff(string(edited), string(again)))
	}
	if was, is := otherLines(source), otherLines(edited); !slices.Equal(was, is) {
		t.Errorf("other lines changed:\n%s", cmp.Diff(was, is))
	}
	if d := cmp.Diff(podWithoutFlags(t, source), podWithoutFlags(t, edited)); d != "" {
		t.Errorf("the pod changed:\n%s", d)
	}
}

// otherLines are those without a bind-address or advertise-address.
func otherLines(manifest []byte) []string {
	var other []string
	for line := range strings.SplitSeq(strings.TrimSuffix(string(manifest), "\n"), "\n") {
		if !strings.Contains(line, "--bind-address=") && !strings.Contains(line, "--advertise-address=") {
			other = append(other, line)
		}
	}
	return other
}

func podWithoutFlags(t *testing.T, manifest []byte) any {
	t.Helper()
	var pod any
	if err := yaml.Unmarshal(manifest, &pod); err != nil {
		t.Fatal(err)
	}
	return withoutFlags(pod)
}

func withoutFlags(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			v[key] = withoutFlags(v[key])
		}
	case []any:
		var kept []any
		for _, item := range v {
			s, _ := item.(string)
			if !strings.HasPrefix(s, "--bind-address=") && !strings.HasPrefix(s, "--advertise-address=") {
				kept = append(kept, withoutFlags(item))
			}
		}
		return kept
	}
	return v
}

func TestBindToRefuses(t *testing.T) {
	t.Parallel()
	cases(t, "bad", func(t *testing.T, path string, source []byte) {
		edited, err := Distribution{}.BindTo(source, node1)
		if err == nil {
			t.Fatalf("accepted:\n%s", edited)
		}
		if edited != nil {
			t.Errorf("%d bytes beside the error", len(edited))
		}
		golden(t, strings.TrimSuffix(path, ".yaml")+".txt", []byte(err.Error()+"\n"))
	})
}

func TestBindToBoundIsUntouched(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"bound", "several-last-right"} {
		source, err := os.ReadFile("../testdata/kubeadm/good/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		edited, err := Distribution{}.BindTo(source, node1)
		if err != nil || !bytes.Equal(edited, source) {
			t.Errorf("%s: %v\n%s", name, err, cmp.Diff(string(source), string(edited)))
		}
	}
}

func genuine(t testing.TB) string {
	t.Helper()
	source, err := os.ReadFile("../testdata/kubeadm/good/genuine.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

func TestBindToIPv6(t *testing.T) {
	t.Parallel()
	address := netip.MustParseAddr("fd10:1::1")
	source := []byte(strings.ReplaceAll(genuine(t), "10.1.1.1", address.String()))
	edited, err := Distribution{}.BindTo(source, address)
	if err != nil {
		t.Fatal(err)
	}
	checkEdit(t, source, edited, address)

	// as a plain scalar, the flag would be a key
	_, err = Distribution{}.BindTo([]byte(strings.ReplaceAll(genuine(t), "host: 10.1.1.1", "host: 'fd10::'")), netip.MustParseAddr("fd10::"))
	if want := "cannot take --advertise-address=fd10::: an address that ends in a colon"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestBindToOtherNode: a manifest of one node does not fit another, because
// the probes ask the first.
func TestBindToOtherNode(t *testing.T) {
	t.Parallel()
	_, err := Distribution{}.BindTo([]byte(genuine(t)), netip.MustParseAddr("10.1.1.2"))
	if want := "has kubelet probe 10.1.1.1, which an apiserver bound to 10.1.1.2 does not answer"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestFlag(t *testing.T) {
	t.Parallel()
	m, err := ParseManifest([]byte(genuine(t)))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"advertise-address": "10.1.1.1", "secure-port": "6443", "etcd-servers": "https://127.0.0.1:2379",
		"bind-address": "", "advertise": "", "": "", "kube-apiserver": "",
	} {
		if got, ok := m.Flag(name); got != want || ok != (want != "") {
			t.Errorf("Flag(%q) = %q, %t, want %q", name, got, ok, want)
		}
	}
	if got, want := m.ProbeHosts(), []string{"10.1.1.1", "10.1.1.1", "10.1.1.1"}; !slices.Equal(got, want) {
		t.Errorf("probe hosts %q, want %q", got, want)
	}
}

// TestHostile: large files that want to be larger still are refused in good
// time.
func TestHostile(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 30; i++ {
		prev, next := string(rune('a'+(i-1)%26)), string(rune('a'+i%26))
		bomb.WriteString(next + "1: &" + next + "1 [" + strings.Repeat("*"+prev+"1, ", 10) + "]\n")
	}
	aliases := "spec: &s\n  containers: x\nb: [" + strings.Repeat("*s,", size/3) + "]\n"
	for name, c := range map[string]struct{ source, want string }{
		"alias bomb":   {strings.Replace(bomb.String(), "&a0", "&a1", 1), "line 2: has an alias, which is not followed"},
		"aliases":      {aliases, "line 3: has an alias, which is not followed"},
		"self alias":   {"a: &a [*a]\n", "line 1: has an alias, which is not followed"},
		"brackets":     {strings.Repeat("[", size), "is not YAML: "},
		"braces":       {strings.Repeat("{a: ", size/4), "is not YAML: "},
		"one line":     {strings.Repeat("x", size), "has no spec.containers"},
		"many keys":    {strings.Repeat("a: 1\n", size/5), `line 2: has key "a" a second time`},
		"many items":   {"spec:\n  containers:\n" + strings.Repeat("  - name: a\n", size/12), "has no container named kube-apiserver"},
		"null bytes":   {strings.Repeat("\x00", size), "is not YAML: "},
		"byte 0 in it": {"spec: \x00\n", "is not YAML: "},
	} {
		t.Run(name, func(t *testing.T) {
			used := threadTime(t)
			_, err := Distribution{}.BindTo([]byte(c.source), node1)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if took := threadTime(t) - used; took > 10*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

// FuzzBindTo: no panic, and what is not refused reads back and changes nothing
// but the flags.
func FuzzBindTo(f *testing.F) {
	for _, dir := range []string{"good", "bad"} {
		paths, err := filepath.Glob("../testdata/kubeadm/" + dir + "/*.yaml")
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			source, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(source)
		}
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		edited, err := Distribution{}.BindTo(source, node1)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("a message of several lines: %q", err)
			}
			return
		}
		m, err := ParseManifest(edited)
		if err != nil {
			t.Fatalf("the edited manifest %v", err)
		}
		for _, name := range []string{"advertise-address", "bind-address"} {
			if got, _ := m.Flag(name); got != node1.String() {
				t.Errorf("--%s reads back as %q", name, got)
			}
		}
		if again, err := (Distribution{}).BindTo(edited, node1); err != nil || !bytes.Equal(again, edited) {
			t.Errorf("a second edit changes something: %v", err)
		}
		if len(edited) > len(source)+200 {
			t.Errorf("%d bytes became %d", len(source), len(edited))
		}
	})
}

// threadTime is what the calling goroutine has used of the processor: a busy
// machine is no reason for a test to fail.
func threadTime(t *testing.T) time.Duration {
	t.Helper()
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	const ofThread = 1     // RUSAGE_THREAD, which package syscall does not name
	var u syscall.Rusage
	if err := syscall.Getrusage(ofThread, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
