package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sandbox is a directory in which the functions of state.sh run for real.
type sandbox struct {
	t    *testing.T
	root string
}

func newSandbox(t *testing.T) *sandbox {
	t.Helper()
	s := &sandbox{t, t.TempDir()}
	s.write("bin/systemctl", "#!/bin/sh\ncase $1 in show) for unit in keepalived haproxy; do printf 'Id=%s.service\\nActiveState=active\\nUnitFileState=enabled\\n\\n' $unit; done ;; esac\n", 0o755)
	return s
}

func (s *sandbox) path(name string) string { return filepath.Join(s.root, name) }

func (s *sandbox) write(name, content string, mode fs.FileMode) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.path(name), []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Chmod(s.path(name), mode); err != nil {
		s.t.Fatal(err)
	}
}

// sh runs text after state.sh and place.sh, with R as the directory, and gives its output.
func (s *sandbox) sh(text string) (string, error) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "sh", "-u", "-s")
	cmd.Stdin = strings.NewReader(layoutText(layout) + file("state.sh") + file("place.sh") + "umask 077\nbase=$R/kplb\n" + text)
	cmd.Env = append(os.Environ(), "R="+s.root, "PATH="+s.path("bin")+":"+os.Getenv("PATH"), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (s *sandbox) must(text string) string {
	s.t.Helper()
	out, err := s.sh(text)
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", text, err, out)
	}
	return out
}

// tree lists every file with its mode, its content, and nothing else.
func (s *sandbox) tree(dir string) map[string]string {
	s.t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(s.path(dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		out[strings.TrimPrefix(path, s.path(dir))] = info.Mode().String() + " " + string(content)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// TestSaveAndPutBack changes files in every way and brings all of them back.
func TestSaveAndPutBack(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.write("etc/same", "same", 0o644)
	s.write("etc/changed", "old", 0o640)
	s.write("etc/mode", "mode", 0o755)
	s.write("etc/removed", "removed", 0o600)
	s.write("etc/linked", "linked", 0o644)
	s.write("etc/dir/gone/deep", "deep", 0o644)
	before := s.tree("etc")
	paths := `"$R/etc/same $R/etc/changed $R/etc/mode $R/etc/removed $R/etc/linked $R/etc/dir/gone/deep $R/etc/new"`
	s.must("save_state $R/kplb/old " + paths)
	same(t, "index", strings.ReplaceAll(s.must("cat $R/kplb/old/index"), s.root, ""),
		"file /etc/same\nfile /etc/changed\nfile /etc/mode\nfile /etc/removed\nfile /etc/linked\nfile /etc/dir/gone/deep\nabsent /etc/new\n")
	same(t, "units", s.must("cat $R/kplb/old/units"), "keepalived active enabled\nhaproxy active enabled\n")

	s.must(`echo new >$R/etc/changed; chmod 600 $R/etc/mode; rm $R/etc/removed; rm -r $R/etc/dir; echo new >$R/etc/new
rm $R/etc/linked; ln -s same $R/etc/linked`)
	const back = `while read -r _ path; do put_back $R/kplb/old "$path" 3>>$R/said || exit 1; done <$R/kplb/old/index`
	s.must(back)
	same(t, "files", s.tree("etc"), before)
	same(t, "differences", strings.ReplaceAll(s.must("cat $R/said; : >$R/said"), s.root, ""), "/etc/changed\n/etc/mode\n/etc/removed\n/etc/linked\n/etc/dir/gone/deep\n/etc/new\n")
	s.must(back)
	same(t, "the second time", s.must("cat $R/said"), "")
}

// TestKernelSetting is what a generation has of the kernel; an older one has less.
func TestKernelSetting(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.write("old/settings", "net/ipv4/ip_forward 0\nnet/ipv4/vs/conntrack 1\n", 0o600)
	s.write("old/nonlocal_bind", "1\n", 0o600)
	s.write("older/nonlocal_bind", "0\n", 0o600)
	for command, want := range map[string]string{
		"setting $R/old net/ipv4/ip_forward": "0\n", "setting $R/old net/ipv4/vs/conntrack": "1\n", "setting $R/old net/ipv4/ip_nonlocal_bind": "1\n",
		"setting $R/older net/ipv4/ip_nonlocal_bind": "0\n", "setting $R/older net/ipv4/ip_forward || true": "", "setting $R/none net/ipv4/ip_forward || true": "",
	} {
		same(t, command, s.must(command), want)
	}
}

// TestAgain: a command that fails is tried three times, and not again where systemctl
// has no such unit.
func TestAgain(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	for command, want := range map[string]string{
		"try 0": "tried 0\n", "try 1": "tried 1\ntried 1\ntried 1\nstatus 1\n", "try 5": "tried 5\nstatus 5\n",
		"second": "tried\ntried\n",
	} {
		out := s.must("sleep() { :; }\ntry() { echo tried $1; return $1; }\nsecond() { echo tried; [ -e $R/second ] || { : >$R/second; false; }; }\nagain " + command + " || echo status $?")
		same(t, command, out, want)
	}
}

// TestTableAway: two units load a table of one name, and the one that goes does
// not take the other one's with it.
func TestTableAway(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.write("bin/systemctl", "#!/bin/sh\ncase $1 in is-active) case $2 in \"$ACTIVE\") echo active ;; *) echo inactive ;; esac ;; *) echo \"systemctl $*\" ;; esac\n", 0o755)
	s.write("bin/nft", "#!/bin/sh\necho \"nft $*\"\n", 0o755)
	const gone = "nft delete table ip kplb\nnft delete table ip6 kplb6\n"
	const links = "rm -rf /etc/systemd/system/multi-user.target.wants/kplb-%[1]s.service /etc/systemd/system/nftables.service.wants/kplb-%[1]s.service\n"
	for _, c := range []struct{ unit, active, want string }{
		{"redirect", "", gone},
		{"ipvs", "", gone},
		{"redirect", "kplb-ipvs.service", ""},
		{"ipvs", "kplb-redirect.service", ""},
		{"ipvs", "kplb-ipvs.service", gone}, // it was stopped a moment ago
	} {
		out := s.must("export ACTIVE=" + c.active + "\nrm() { echo \"rm $*\"; }\nrmdir() { :; }\ntable_away kplb-" + c.unit)
		same(t, c.unit+" beside "+c.active, out, "systemctl stop kplb-"+c.unit+".service\nsystemctl reset-failed kplb-"+c.unit+".service\n"+c.want+fmt.Sprintf(links, c.unit))
	}
}

// TestPlaceInstallsInOneStep: a file is replaced by one rename, or stays.
func TestPlaceInstallsInOneStep(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.write("new", "new", 0o600)
	s.must(`place $R/new $R/etc/deep/file 644 "$(id -u):$(id -g)"`)
	same(t, "made with its directories", s.tree("etc"), map[string]string{"/deep/file": "-rw-r--r-- new"})
	info, err := os.Stat(s.path("etc/deep"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "mode of the directory", info.Mode().Perm(), fs.FileMode(0o755))

	s.write("newer", "newer", 0o600)
	for name, c := range map[string]string{
		"no such file": `place $R/nothing $R/etc/deep/file 644 "$(id -u):$(id -g)"`,
		"no such mode": `place $R/newer $R/etc/deep/file 9999 "$(id -u):$(id -g)"`,
		"a directory":  `mkdir -p $R/etc/deep/dir; place $R/newer $R/etc/deep/dir 644 "$(id -u):$(id -g)"`,
	} {
		if out, err := s.sh(c); err == nil {
			t.Errorf("%s: worked: %s", name, out)
		}
		same(t, name, s.tree("etc"), map[string]string{"/deep/file": "-rw-r--r-- new"})
	}
	same(t, "where manifests are written first", s.must("temporary /etc/kubernetes/manifests/kube-apiserver.yaml; temporary /etc/haproxy/haproxy.cfg"),
		"/etc/kubernetes/.kplb-kube-apiserver.yaml\n/etc/haproxy/.kplb-haproxy.cfg\n")
}

// TestSweep removes what a killed step has left, and nothing else.
func TestSweep(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	for _, name := range []string{"generations/1/about", "generations/0/index", "active", "current", "pending/txn", "restore"} {
		s.write("kplb/"+name, "x", 0o600)
	}
	s.write("etc/haproxy.cfg", "x", 0o600)
	clean := s.tree("")
	for _, name := range []string{
		"kplb/restore.new", "kplb/pending.done/txn", "kplb/generations/.next/about", "kplb/generations/.0/index", "kplb/current.new",
		"etc/.kplb-haproxy.cfg", "etc/.kplb-probe.7", ".kplb-probe.7",
	} {
		s.write(name, "x", 0o600)
	}
	s.must(`sweep "$R/etc/haproxy.cfg $R/not/there/yet"`)
	same(t, "files", s.tree(""), clean)
	s.write("kplb/stage/paths", "x", 0o600) // staged, and never begun
	s.must(`sweep ""`)
	if _, err := os.Stat(s.path("kplb/stage")); err != nil {
		t.Errorf("what is staged goes although its change waits: %v", err)
	}
	s.must(`rm -r $R/kplb/pending; sweep ""`)
	if _, err := os.Stat(s.path("kplb/stage")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is staged stays where no change waits: %v", err)
	}
}
