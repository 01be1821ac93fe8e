//go:build bench

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kplb/kplb/lab/machines"
	"github.com/kplb/kplb/render"
)

const (
	rowAnsibleChange  = "ansible-playbook, the same 5 files on each of 3 nodes"
	rowAnsibleNothing = "ansible-playbook, nothing to do"
)

// ansible is the same work as a playbook (see the directory of that name).
type ansible struct {
	*bench
	inventory string
	files     string
}

// five are the paths of the changing templates.
var five = []string{render.SysctlPath, render.PatchPath, render.HAProxyPath, render.CheckPath, render.KeepalivedPath}

// newAnsible prepares it, unless it is not installed.
func (b *bench) newAnsible() *ansible {
	if _, err := exec.LookPath("ansible-playbook"); err != nil {
		b.t.Log("ansible-playbook is not installed (apt-get install ansible-core): left out")
		return nil
	}
	a := &ansible{bench: b, inventory: filepath.Join(b.dir, "hosts"), files: filepath.Join(b.dir, "files")}
	a.completePython()
	var hosts strings.Builder
	for _, n := range machines.Nodes {
		fmt.Fprintf(&hosts, "%s ansible_host=10.1.1.%s ansible_user=pi ansible_python_interpreter=/usr/bin/python3\n", nodeName(n), n)
	}
	if err := os.WriteFile(a.inventory, []byte(hosts.String()), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.apply("", b.young)
	for _, n := range machines.Nodes {
		for _, path := range five {
			a.keep(n, path)
		}
	}
	b.apply("", b.old)
	return a
}

// keep copies a node's file as kplb made it: the playbook installs the same.
func (a *ansible) keep(node, path string) {
	text, err := a.On(node, "cat "+path)
	file := filepath.Join(a.files, nodeName(node), path)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o755)
	}
	if err == nil {
		err = os.WriteFile(file, []byte(text), 0o600)
	}
	if err != nil {
		a.t.Fatal(err)
	}
}

// fetchPython gets what completePython unpacks: the operator's namespace has no
// way to Debian.
func fetchPython(t *testing.T) (dir string) {
	dir = t.TempDir()
	fetch := exec.CommandContext(t.Context(), "apt-get", "download", "-o", "APT::Sandbox::User=root", "libpython3.11-stdlib", "media-types")
	fetch.Dir = dir
	if out, err := fetch.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// completePython gives the nodes the standard library: the lab's have only
// python3-minimal, which Ansible cannot use.
func (a *ansible) completePython() {
	for _, n := range machines.Nodes {
		init, err := a.Init(n)
		if err != nil {
			a.t.Fatal(err)
		}
		a.run(exec.CommandContext(a.t.Context(), "sh", "-c",
			`for deb in "$1"/*.deb; do dpkg-deb --fsys-tarfile "$deb" | nsenter --target "$2" --mount --pid tar -x -C / || exit 1; done`,
			"sh", os.Getenv(python), init))
	}
}

// round brings the nodes from the old files to the young ones, and finds them so.
func (a *ansible) round() {
	m := a.run(a.playbook())
	a.expect(m, "changed=0", false)
	a.table.add(rowAnsibleChange, m.wall)
	m = a.run(a.playbook())
	a.expect(m, "changed=0", true)
	a.table.add(rowAnsibleNothing, m.wall)
}

func (a *ansible) expect(m measured, text string, there bool) {
	a.t.Helper()
	if strings.Contains(m.said, text) != there {
		a.t.Fatalf("%q: %t expected\n%s", text, there, m.said)
	}
}

func (a *ansible) playbook() *exec.Cmd {
	dir := filepath.Join(a.Root, "lab/bench/ansible")
	cmd := exec.CommandContext(a.t.Context(), "ansible-playbook", "--inventory", a.inventory, "--extra-vars",
		"files="+a.files+" ca="+a.State("ca.crt")+" vip="+vip, filepath.Join(dir, "site.yaml"))
	cmd.Env = append(os.Environ(), "ANSIBLE_CONFIG="+filepath.Join(dir, "ansible.cfg"), "HOME="+a.dir,
		"ANSIBLE_SSH_ARGS=-F "+a.State("ssh_config")+" -o ControlMaster=auto -o ControlPersist=60s", "ANSIBLE_SSH_CONTROL_PATH_DIR="+filepath.Join(a.dir, "cp"))
	return cmd
}
