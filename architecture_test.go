// Package kplb_test asserts what no package of the module can assert alone.
package kplb_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/scanner"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/kplb/kplb"

// mayImport says which packages of ours each package may import. What is not
// listed may import nothing of ours, and lab, which has a life of its own, is
// imported by nobody.
var mayImport = map[string][]string{
	"cmd/kplb":   {"cmd"},
	"cmd":        {"doctor", "drill", "fleet", "inventory", "kubeadm", "node", "plan", "refusal", "remote", "render", "report", "rollout", "source", "status", "templates", "terminal", "verdict", "verify", "vrrp", "workstation"},
	"report":     {"inventory", "member", "plan", "refusal", "remote", "render", "rollout", "status", "verdict", "verify", "vrrp"},
	"terminal":   {"fleet", "remote/failure"},
	"rollout":    {"apiserver", "doctor", "fleet", "haproxy", "inventory", "member", "node", "plan", "record", "refusal", "remote", "render", "verdict", "verify"},
	"verify":     {"apiserver", "doctor", "fleet", "haproxy", "inventory", "keepalived", "node", "plan", "refusal", "remote", "render", "verdict"},
	"drill":      {"apiserver", "fleet", "inventory", "node", "plan", "refusal", "remote", "verdict", "verify"},
	"status":     {"distribution", "fleet", "inventory", "kubeadm", "node", "plan", "refusal", "render"},
	"doctor":     {"distribution", "firewall", "fleet", "inventory", "node", "plan", "refusal", "remote", "render", "verdict"},
	"plan":       {"apiserver", "distribution", "firewall", "foreign", "haproxy", "inventory", "keepalived", "kubeadm", "member", "node", "record", "refusal", "render", "vrrp"},
	"member":     {"haproxy", "inventory", "keepalived", "node", "record", "refusal", "render"},
	"refusal":    {"distribution", "firewall", "foreign", "haproxy", "inventory", "keepalived", "node", "record", "render"},
	"foreign":    {"haproxy", "keepalived", "node", "render"},
	"fleet":      {"apiserver", "distribution", "firewall", "haproxy", "inventory", "kubeadm", "node", "remote"},
	"node":       {"distribution", "firewall", "haproxy", "inventory", "record", "remote", "render"},
	"verdict":    {},
	"apiserver":  {"inventory", "kubeadm"},
	"firewall":   {"inventory", "render"},
	"record":     {"inventory"},
	"render":     {"haproxy", "inventory", "keepalived", "templates"},
	"vrrp":       {"inventory", "keepalived"},
	"haproxy":    {},
	"keepalived": {},
	"inventory":  {"source"},
	"source":     {},
	"templates":  {},
	"remote":     {"remote/failure", "remote/knownhost", "remote/shell", "remote/sshconfig"},

	"remote/shell":     {"remote/failure"},
	"remote/knownhost": {"remote/failure"},
	"remote/sshconfig": {"remote/failure"},
	"remote/failure":   {},

	"kubeadm": {"distribution"},

	"distribution": {},
	"workstation":  {"inventory", "kubeadm", "plan", "render", "templates"},

	// what only tests import, for other packages' tests too
	"apiserver/apiservertest": {},
	"fleet/fleettest":         {"apiserver/apiservertest", "fleet", "inventory", "kubeadm", "node", "node/nodetest", "plan", "plan/plantest", "remote", "render", "templates"},
	"plan/plantest":           {"apiserver/apiservertest", "distribution", "haproxy", "inventory", "kubeadm", "node", "record", "render"},
	"node/programtest":        {"remote", "remote/remotetest"},
	"node/nodetest":           {"haproxy", "inventory", "node", "remote", "render"},
	"remote/remotetest":       {"remote"},
	"terminal/terminaltest":   {},
	"rollout/rollouttest":     {"apiserver/apiservertest", "distribution", "haproxy", "inventory", "keepalived", "kubeadm", "node", "node/nodetest", "record", "remote", "render"},
}

// pure packages work on values: what they read was read by somebody else, and
// what they find out is returned.
var pure = []string{"distribution", "firewall", "foreign", "haproxy", "keepalived", "kubeadm", "member", "plan", "record", "refusal", "source", "verdict", "vrrp"}

// impure are the libraries by which a package would wait, or reach the network,
// files, other programs or machines. net/netip, which only has values, is none of
// them.
var impure = []string{"context", "net", "net/http", "os", "os/exec", "os/user", "syscall", module + "/remote", module + "/remote/shell"}

// belongs says where the libraries with many ways in may be imported: in a
// package, in one file, or in one file of a package whichever that is.
var belongs = []struct {
	library string
	in      []string // packages, or files
	oneFile []string // packages in which only one file may
}{
	{"github.com/spf13/cobra", []string{"cmd"}, nil},
	{"github.com/spf13/pflag", []string{"cmd", "workstation"}, nil},
	{"github.com/spf13/viper", []string{"workstation/settings.go"}, nil},
	{"go.yaml.in/yaml", []string{"source", "kubeadm"}, []string{"source"}},
	{"gopkg.in/yaml.v2", nil, nil},
	{"gopkg.in/yaml.v3", nil, nil},
	{"sigs.k8s.io/yaml", nil, nil},
	{"github.com/Masterminds/sprig", []string{"render"}, nil},
	{"github.com/melbahja/goph", []string{"remote", "remote/shell"}, nil},
	{"golang.org/x/crypto/ssh", []string{"remote", "remote/failure", "remote/knownhost", "remote/remotetest", "remote/shell", "remote/sshconfig"}, nil},
	{"github.com/skeema/knownhosts", []string{"remote"}, nil},
	{"github.com/pkg/sftp", []string{"remote"}, nil},
}

// goPackage is what go list says of a package, without its tests.
type goPackage struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
	Deps       []string
}

// name is the path of the package in the module.
func (p goPackage) name() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

// list asks for all packages of the module, on the systems kplb is built for:
// a file of another system counts too.
func list(t *testing.T) []goPackage {
	t.Helper()
	var packages []goPackage
	for _, system := range []string{"linux", "darwin"} {
		c := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,GoFiles,Imports,Deps", "./...")
		c.Env = append(c.Environ(), "GOOS="+system, "CGO_ENABLED=0")
		out, err := c.Output()
		if err != nil {
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				t.Fatalf("go list: %v\n%s", err, exit.Stderr)
			}
			t.Fatal(err)
		}
		for d := json.NewDecoder(strings.NewReader(string(out))); ; {
			var p goPackage
			if err := d.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			packages = append(packages, p)
		}
	}
	if len(packages) < 2*len(mayImport) {
		t.Fatalf("go list finds only %d packages", len(packages))
	}
	return packages
}

// fileImports lists what each file of a package imports, by its path in the
// module.
func fileImports(t *testing.T, p goPackage) map[string][]string {
	t.Helper()
	files := map[string][]string{}
	for _, name := range p.GoFiles {
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		var imports []string
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			imports = append(imports, imported)
		}
		files[path.Join(p.name(), name)] = imports
	}
	return files
}

// below says whether an import is of a library or of a part of it, whichever
// its major version.
func below(imported, library string) bool {
	return imported == library || strings.HasPrefix(imported, library+"/")
}

// misplaced says of each import of a file what is wrong with it.
func misplaced(file string, imports []string) []string {
	var wrong []string
	pkg := path.Dir(file)
	for _, imported := range imports {
		if own, ok := strings.CutPrefix(imported, module+"/"); ok && !inLab(pkg) {
			if inLab(own) {
				wrong = append(wrong, fmt.Sprintf("%s imports %s: the lab is no part of the program", file, imported))
			} else if allowed := mayImport[base(pkg)]; !slices.Contains(allowed, base(own)) && base(own) != base(pkg) {
				wrong = append(wrong, fmt.Sprintf("%s imports %s: package %s may import of ours only %q", file, imported, pkg, allowed))
			}
		}
		for _, b := range belongs {
			if below(imported, b.library) && !inLab(pkg) && !slices.Contains(b.in, base(pkg)) && !slices.Contains(b.in, file) {
				wrong = append(wrong, fmt.Sprintf("%s imports %s, which only %q may", file, imported, b.in))
			}
		}
	}
	return wrong
}

func inLab(pkg string) bool { return pkg == "lab" || strings.HasPrefix(pkg, "lab/") }

// base is the package that a subpackage belongs to. What mayImport has, such as
// the command's own and what only tests import, is one by itself.
func base(pkg string) string {
	if _, ok := mayImport[pkg]; ok {
		return pkg
	}
	first, _, _ := strings.Cut(pkg, "/")
	return first
}

// TestImports: imports run one way, and each library stays where it belongs.
func TestImports(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	users := map[string]map[string][]string{} // package, library: files
	for _, p := range list(t) {
		for file, imports := range fileImports(t, p) {
			if seen[file] {
				continue
			}
			seen[file] = true
			for _, wrong := range misplaced(file, imports) {
				t.Error(wrong)
			}
			for _, b := range belongs {
				if slices.Contains(b.oneFile, p.name()) && slices.ContainsFunc(imports, func(i string) bool { return below(i, b.library) }) {
					if users[p.name()] == nil {
						users[p.name()] = map[string][]string{}
					}
					users[p.name()][b.library] = append(users[p.name()][b.library], file)
				}
			}
		}
	}
	for _, b := range belongs {
		for _, pkg := range b.oneFile {
			if files := users[pkg][b.library]; len(files) != 1 {
				slices.Sort(files)
				t.Errorf("%s is imported by %d files of %s, want exactly one: %q", b.library, len(files), pkg, files)
			}
		}
	}
}

// TestDependencies: nor do they run another way around a corner, and the pure
// packages stay off the network and away from other programs.
func TestDependencies(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		if inLab(p.name()) {
			continue
		}
		for _, dep := range p.Deps {
			own, ours := strings.CutPrefix(dep, module+"/")
			switch {
			case !ours:
			case inLab(own):
				t.Errorf("%s depends on %s: the lab is no part of the program", p.name(), dep)
			case base(own) != base(p.name()) && !slices.Contains(reachable(base(p.name())), base(own)):
				t.Errorf("%s depends on %s, and may depend only on %q", p.name(), dep, reachable(base(p.name())))
			}
		}
		for _, forbidden := range map[string][]string{
			"inventory": {"net/http", "os/exec", "os/user"},
			"kubeadm":   {"net/http", "os/exec", "os/user"},
			"templates": {"net/http", "os/exec", "os/user"},
		}[p.name()] {
			if slices.Contains(p.Deps, forbidden) {
				t.Errorf("%s depends on %s, and should be pure", p.name(), forbidden)
			}
		}
	}
}

// TestPure: the files of a pure package import none of the libraries by which
// a package reaches what is outside.
func TestPure(t *testing.T) {
	t.Parallel()
	checked := map[string]bool{}
	for _, p := range list(t) {
		if !slices.Contains(pure, p.name()) {
			continue
		}
		checked[p.name()] = true
		for file, imports := range fileImports(t, p) {
			for _, imported := range imports {
				if slices.Contains(impure, imported) {
					t.Errorf("%s imports %s: package %s should be pure", file, imported, p.name())
				}
			}
		}
	}
	if len(checked) != len(pure) {
		t.Errorf("of the pure packages %q only %d are there", pure, len(checked))
	}
}

// reachable is what a package may depend on, directly or not.
func reachable(pkg string) []string {
	var all []string
	for _, next := range mayImport[pkg] {
		for _, r := range append(reachable(next), next) {
			if !slices.Contains(all, r) {
				all = append(all, r)
			}
		}
	}
	slices.Sort(all)
	return all
}

// TestMisplaced: the rules find what they are for, and the messages say which
// file imports what.
func TestMisplaced(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ file, imported, want string }{
		{"render/x.go", module + "/inventory", ""},
		{"render/x.go", module + "/rollout", `render/x.go imports github.com/kplb/kplb/rollout: package render may import of ours only ["haproxy" "inventory" "keepalived" "templates"]`},
		{"rollout/x.go", module + "/node", ""},
		{"node/nodetest/x.go", module + "/node", ""},
		{"node/x.go", module + "/rollout", `node/x.go imports github.com/kplb/kplb/rollout: package node may import of ours only ["distribution" "firewall" "haproxy" "inventory" "record" "remote" "render"]`},
		{"remote/x.go", module + "/inventory", `remote/x.go imports github.com/kplb/kplb/inventory: package remote may import of ours only ["remote/failure" "remote/knownhost" "remote/shell" "remote/sshconfig"]`},
		{"remote/remotetest/x.go", module + "/remote", ""},
		{"remote/x.go", module + "/remote/remotetest", `remote/x.go imports github.com/kplb/kplb/remote/remotetest: package remote may import of ours only ["remote/failure" "remote/knownhost" "remote/shell" "remote/sshconfig"]`},
		{"cmd/x.go", module + "/lab/standin", `cmd/x.go imports github.com/kplb/kplb/lab/standin: the lab is no part of the program`},
		{"cmd/kplb/main.go", module + "/rollout", `cmd/kplb/main.go imports github.com/kplb/kplb/rollout: package cmd/kplb may import of ours only ["cmd"]`},
		{"new/x.go", module + "/cmd", `new/x.go imports github.com/kplb/kplb/cmd: package new may import of ours only []`},
		{"workstation/settings.go", "github.com/spf13/viper", ""},
		{"cmd/root.go", "github.com/spf13/viper", `cmd/root.go imports github.com/spf13/viper, which only ["workstation/settings.go"] may`},
		{"rollout/x.go", "github.com/spf13/cobra", `rollout/x.go imports github.com/spf13/cobra, which only ["cmd"] may`},
		{"render/x.go", "go.yaml.in/yaml/v4", `render/x.go imports go.yaml.in/yaml/v4, which only ["source" "kubeadm"] may`},
		{"inventory/x.go", "gopkg.in/yaml.v3", `inventory/x.go imports gopkg.in/yaml.v3, which only [] may`},
		{"inventory/x.go", "github.com/Masterminds/sprig/v3", `inventory/x.go imports github.com/Masterminds/sprig/v3, which only ["render"] may`},
		{"rollout/x.go", "github.com/melbahja/goph", `rollout/x.go imports github.com/melbahja/goph, which only ["remote" "remote/shell"] may`},
	} {
		var want []string
		if test.want != "" {
			want = []string{test.want}
		}
		if got := misplaced(test.file, []string{test.imported}); !slices.Equal(got, want) {
			t.Errorf("%s importing %s: %q, want %q", test.file, test.imported, got, want)
		}
	}
}

// TestLayout: what kubeadm has on a node, and under which names, is known to
// package kubeadm alone. Others read it in a distribution.Layout.
func TestLayout(t *testing.T) {
	t.Parallel()
	mayName := map[string][]string{ // what a file names in its own right
		"render/artifact.go":           {"/etc/kubernetes"}, // the patch is a file of kplb's own, for exposure: bind-address
		"node/statistics.go":           {"kube-apiserver"},  // the name of kplb's own backend
		"distribution/distribution.go": {"kube-apiserver"},  // a component of Kubernetes, whoever installs it
		"apiserver/error.go":           {"/etc/kubernetes"}, // a hint that is for kubeadm only
		"cmd/verify.go":                {"admin.conf"},      // its help says whose credentials it uses, to people
	}
	checked := map[string]bool{}
	for _, p := range list(t) {
		if inLab(p.name()) || base(p.name()) == "kubeadm" || strings.HasSuffix(p.name(), "test") {
			continue
		}
		for _, name := range p.GoFiles {
			file := path.Join(p.name(), name)
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if named := layoutNamed(text); !checked[file] && !slices.Equal(named, mayName[file]) {
				t.Errorf("%s names %q, and should name %q", file, named, mayName[file])
			}
			checked[file] = true
		}
	}
	for file := range mayName {
		if !checked[file] {
			t.Errorf("%s may name something, and is not there", file)
		}
	}
}

var (
	layoutConstant = regexp.MustCompile(`\bkubeadm\.(ManifestPath|CAPath|CertificatePath|CertificateKeyPath|AdminPath|SuperAdminPath|KubeletPath|KubeletUnit)\b`)
	// layoutName is one that stands anywhere in a string: a path goes into a command, too.
	layoutName = regexp.MustCompile(`/etc/kubernetes\b|\b(kubelet\.service|kubelet\.conf|(super-)?admin\.conf|kube-(apiserver|controller-manager)\.yaml)\b`)
)

// layoutNamed are the names of kubeadm's layout in a file of Go: its constants, and
// what strings hold. Comments are for people.
func layoutNamed(text []byte) []string {
	named := layoutConstant.FindAllString(string(text), -1)
	var s scanner.Scanner
	fset := token.NewFileSet()
	s.Init(fset.AddFile("", fset.Base(), len(text)), text, nil, 0)
	for {
		_, kind, literal := s.Scan()
		if kind == token.EOF {
			return named
		}
		if kind != token.STRING {
			continue
		}
		value, err := strconv.Unquote(literal)
		if err != nil {
			continue // it does not compile
		}
		named = append(named, layoutName.FindAllString(value, -1)...)
		if value == "kube-apiserver" { // the process; in a sentence it is the component
			named = append(named, value)
		}
	}
}

// TestLayoutNamed: a name is found wherever a string has it.
func TestLayoutNamed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		source string
		want   []string
	}{
		{`const a = "/etc/kubernetes/pki/ca.crt"`, []string{"/etc/kubernetes"}},
		{`const a = "cat /etc/kubernetes/pki/ca.crt"`, []string{"/etc/kubernetes"}},
		{"const a = `\ncat </etc/kubernetes/admin.conf`", []string{"/etc/kubernetes", "admin.conf"}},
		{`const a = "/etc/" + "super-admin.conf"`, []string{"super-admin.conf"}},
		{`var a = []string{"kube-apiserver.yaml", "kube-controller-manager.yaml"}`, []string{"kube-apiserver.yaml", "kube-controller-manager.yaml"}},
		{`const a = "systemctl restart kubelet.service"`, []string{"kubelet.service"}},
		{`const a = "kube-apiserver"`, []string{"kube-apiserver"}},
		{`var a = kubeadm.CAPath`, []string{"kubeadm.CAPath"}},
		{`const a = "SIGSTOP to kube-apiserver" // of /etc/kubernetes/manifests`, nil},
		{`const a = "/etc/kubernetes-other"[:5]`, []string{"/etc/kubernetes"}},
		{`const a = "/var/lib/kubelet"`, nil},
	} {
		if got := layoutNamed([]byte("package a\n\n" + test.source + "\n")); !slices.Equal(got, test.want) {
			t.Errorf("%s names %q, want %q", test.source, got, test.want)
		}
	}
}

// TestProgramVariables: what the programs of a node are given, and in which form,
// is known to package node alone.
func TestProgramVariables(t *testing.T) {
	t.Parallel()
	programs, err := filepath.Glob("node/programs/*.sh")
	if err != nil || len(programs) == 0 {
		t.Fatalf("%d programs: %v", len(programs), err)
	}
	variable := regexp.MustCompile(`\bKPLB_[A-Z0-9_]+\b`)
	given := map[string]bool{}
	for _, file := range programs {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range variable.FindAllString(string(text), -1) {
			given[name] = true
		}
	}
	err = filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(file) != ".go" || strings.HasPrefix(file, "node/") {
			return err
		}
		text, err := os.ReadFile(file)
		for _, name := range variable.FindAllString(string(text), -1) {
			if given[name] {
				t.Errorf("%s names %s, which only package node may", file, name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
