package render

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
)

const someStamped = `#!/bin/sh
# kplb: made from cluster "home" for a; edit the inventory instead of this file; sum 0f6de80f4f054538
exit 0
`

func TestStamp(t *testing.T) {
	t.Parallel()
	got, err := stamp([]byte("#!/bin/sh\n# kplb: stamp\nexit 0\n"), "home", "a")
	if err != nil {
		t.Fatal(err)
	}
	// On nodes in service this must not change with a new kplb: all files
	// would seem edited by hand.
	if string(got) != someStamped {
		t.Errorf("got %s, want %s", got, someStamped)
	}
	if state := Stamp(got); state != Intact {
		t.Errorf("just stamped, and %s", state)
	}
}

// TestStampSeesEveryEdit: any byte changed, removed or added anywhere, the
// stamp's own line included.
func TestStampSeesEveryEdit(t *testing.T) {
	t.Parallel()
	content := []byte(someStamped)
	never := func(what string, at int, edited []byte) {
		t.Helper()
		if Stamp(edited) == Intact {
			t.Errorf("byte %d %s: still intact:\n%s", at, what, edited)
		}
	}
	for i := range content {
		for _, to := range []byte{content[i] ^ 1, content[i] ^ 0x20, 'x', '\n', 0} {
			if to == content[i] {
				continue
			}
			changed := bytes.Clone(content)
			changed[i] = to
			never("changed", i, changed)
		}
		never("removed", i, append(bytes.Clone(content[:i]), content[i+1:]...))
		never("doubled", i, append(bytes.Clone(content[:i+1]), content[i:]...))
		never("cut off", i, content[:i])
	}
	never("added", len(content), append(bytes.Clone(content), '\n'))

	stampLine := strings.SplitAfter(someStamped, "\n")[1]
	for name, test := range map[string]struct {
		content string
		want    StampState
	}{
		"empty":            {"", Unstamped},
		"foreign":          {"global\n    maxconn 4\n", Unstamped},
		"edited":           {strings.Replace(someStamped, "exit 0", "exit 1", 1), Edited},
		"of another node":  {strings.Replace(someStamped, "for a;", "for b;", 1), Edited},
		"of another name":  {strings.Replace(someStamped, `"home"`, `"house"`, 1), Edited},
		"moved down":       {"#!/bin/sh\nexit 0\n" + stampLine, Edited},
		"stamp only":       {stampLine, Edited},
		"no newline":       {strings.TrimSuffix(someStamped, "\n"), Edited},
		"in capitals":      {strings.ToUpper(someStamped), Unstamped},
		"indented":         {strings.Replace(someStamped, "# kplb", " # kplb", 1), Unstamped},
		"CR LF":            {strings.ReplaceAll(someStamped, "\n", "\r\n"), Unstamped},
		"longer sum":       {strings.Replace(someStamped, "0f6d", "00f6d", 1), Unstamped},
		"twice":            {someStamped + stampLine, Edited},
		"the mark alone":   {stampMark + "\n", Unstamped},
		"longer than file": {strings.Repeat(someStamped, 1000), Edited},
	} {
		if got := Stamp([]byte(test.content)); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestStampWantsOneMark(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"":                                  "has {{ .Stamp }} on 0 lines of its own, want exactly 1",
		"exit 0\n":                          "has {{ .Stamp }} on 0 lines of its own, want exactly 1",
		"# kplb: stamp":                     "has {{ .Stamp }} on 0 lines of its own, want exactly 1",
		"# kplb: stamp here\n":              "has {{ .Stamp }} on 0 lines of its own, want exactly 1",
		"x # kplb: stamp\n":                 "has {{ .Stamp }} on 0 lines of its own, want exactly 1",
		"    # kplb: stamp\n":               "has {{ .Stamp }} on 0 lines of its own, want exactly 1",
		"# kplb: stamp\r\n":                 "has {{ .Stamp }} on 0 lines of its own, want exactly 1",
		"# kplb: stamp\n# kplb: stamp\n":    "has {{ .Stamp }} on 2 lines of its own, want exactly 1",
		"# kplb: stamp\nx\n# kplb: stamp\n": "has {{ .Stamp }} on 2 lines of its own, want exactly 1",
	} {
		if got, err := stamp([]byte(content), "home", "a"); err == nil || err.Error() != want {
			t.Errorf("%q became %q, %v; want %s", content, got, err, want)
		}
	}
}

// TestFill: the node's file has the secret and a stamp that fits; the
// rendered one stays as it was.
func TestFill(t *testing.T) {
	t.Parallel()
	c := loadCluster(t, casesDir+"/vrrp2-auth/inventory.yaml")
	tree := renderTree(t, c)
	for path, a := range tree {
		before := bytes.Clone(a.Content)
		filled := Secrets{VRRPAuth: "geheim42", "another": "unused"}.Fill(a)
		if !bytes.Equal(a.Content, before) {
			t.Errorf("%s: Fill changed what was rendered", path)
		}
		if bytes.Contains(filled.Content, []byte("kplb-secret")) {
			t.Errorf("%s: a placeholder is left", path)
		}
		if got := Stamp(filled.Content); got != Intact {
			t.Errorf("%s: %s once filled", path, got)
		}
		has, want := bytes.Count(filled.Content, []byte("geheim42")), 0
		if strings.HasSuffix(path, KeepalivedPath) {
			want = 1
		}
		if has != want {
			t.Errorf("%s has the secret %d times, want %d", path, has, want)
		}
		if want == 0 && !bytes.Equal(filled.Content, a.Content) {
			t.Errorf("%s changed without a secret", path)
		}
		if filled.Path != a.Path || filled.Mode != a.Mode || filled.Effect != a.Effect {
			t.Errorf("%s: more than the content changed", path)
		}
	}
	// who may read a file with a secret
	if a := tree["kubernetes-node-1"+KeepalivedPath]; a.Mode != 0o600 {
		t.Errorf("keepalived.conf has mode %o", a.Mode)
	}
}

func FuzzStamp(f *testing.F) {
	f.Add([]byte(someStamped), "home", "a")
	f.Add([]byte(stampMark+"\n"), "home", "a.example.org")
	f.Add([]byte("x\n"+stampMark+"\ny"), "", "")
	f.Fuzz(func(t *testing.T, content []byte, cluster, node string) {
		state := Stamp(content)
		if again := Stamp(restamp(content)); again == Edited || (again == Unstamped) != (state == Unstamped) {
			t.Errorf("%s, and %s once stamped anew", state, again)
		}
		if len(restamp(content)) != len(content) {
			t.Error("stamping anew changes the length")
		}
		if !validNames(cluster, node) || bytes.Contains(content, []byte("# kplb: made from")) {
			return
		}
		stamped, err := stamp(content, cluster, node)
		if err != nil {
			return
		}
		if got := Stamp(stamped); got != Intact {
			t.Errorf("just stamped, and %s:\n%q", got, stamped)
		}
	})
}

// validNames asks the inventory, which lets no other names through.
func validNames(cluster, node string) bool {
	if strings.ContainsAny(cluster+node, "\"'\n\\ {}") {
		return false
	}
	_, err := inventory.Parse("f", []byte("apiVersion: kplb/v1alpha1\nkind: Cluster\nname: '"+cluster+
		"'\nvip: 10.1.233.1\nnodes:\n  - {name: '"+node+"', address: 10.1.1.1}\n"))
	return err == nil
}
