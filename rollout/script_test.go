package rollout

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/remote/remotetest"
)

// TestStageScript pins the lines that stage.sh reads.
func TestStageScript(t *testing.T) {
	t.Parallel()
	r := rolloutOf(t, home)
	r.txn, r.token, r.Operator = "txn1", "token1", "ann@desk, pid 7"
	facts := all(t, r, applied)
	f := facts["node-2"]
	f.edit("/etc/haproxy/haproxy.cfg", "leastconn", "roundrobin")
	delete(f.Files, "/etc/keepalived/kplb-check")
	n := planOf(t, r, facts).of("node-2")
	was := f.Files["/etc/haproxy/haproxy.cfg"]
	gone := Change{Remove: true, Owner: "0:0", Was: &was}
	gone.Path, gone.Mode = "/etc/old", 0o600
	n.Changes = append(n.Changes, gone)
	r.window = 90_500_000_000
	s := r.stageScript(n)
	same(t, "files", s.Vars["KPLB_FILES"],
		"file0 644 0:0 "+hash(was.Content)+" "+hash(n.Changes[0].Content)+" /etc/haproxy/haproxy.cfg\n"+
			"file1 755 0:0 absent "+hash(n.Changes[1].Content)+" /etc/keepalived/kplb-check\n"+
			"file2 600 0:0 "+hash(was.Content)+" absent /etc/old\n")
	same(t, "content", string(s.Files["file1"]), string(n.Changes[1].Content))
	same(t, "window", s.Vars["KPLB_WINDOW"], "90")
	same(t, "the way back", bytes.Equal(s.Files["restore"], node.RestoreProgram()), true)
	same(t, "carrying it out", r.transactScript().Vars, map[string]string{"KPLB_TXN": "txn1", "KPLB_TOKEN": "token1"})
	for name, value := range s.Vars {
		if strings.Contains(value, "balance") {
			t.Errorf("%s has a file's content, which belongs into Files", name)
		}
	}
}

// TestRun turns what a script says into an error.
func TestRun(t *testing.T) {
	t.Parallel()
	exit := &remote.ScriptError{Host: "node-1", Script: "x", Code: 1}
	cases := []struct {
		name    string
		records []remote.Record
		ends    error
		says    string
		refused bool // nothing was changed
	}{
		{"nothing", nil, nil, "", false},
		{"done", []remote.Record{record("step", "a"), record("done")}, nil, "", false},
		{"an exit status", nil, exit, "node-1: x: exit status 1", false},
		{"refused", []remote.Record{record("refused", " no room\n")}, exit, "node-1: no room", true},
		{"refused in several fields", []remote.Record{record("refused", "no", "room")}, exit, "node-1: no room", true},
		{"refused, after it had begun", []remote.Record{record("touched"), record("refused", "no room")}, exit, "node-1: no room", false},
		{"broken", []remote.Record{record("refused", "x"), record("broken", "no way back")}, exit, "node-1: no way back", false},
		{"refused without a word", []remote.Record{record("refused")}, exit, "node-1: x: exit status 1", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := scripted(func(each func(remote.Record) error) error {
				for _, r := range c.records {
					if err := each(r); err != nil {
						return err
					}
				}
				return c.ends
			})
			err := run(t.Context(), h, "node-1", remote.Script{}, nil)
			says(t, err, c.says)
			var refused *refusedByNode
			same(t, "nothing was changed", errors.As(err, &refused), c.refused)
		})
	}
}

// scripted is a Host whose scripts do this.
type scriptedHost struct {
	Host
	do func(each func(remote.Record) error) error
}

func scripted(do func(each func(remote.Record) error) error) Host { return scriptedHost{nil, do} }

func (h scriptedHost) Run(_ context.Context, _ remote.Script, each func(remote.Record) error) error {
	return h.do(each)
}

// sandbox is a directory for stand-ins of what a node has.
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

// TestInspectOverSSH runs inspect.sh with a real shell at the other end of a
// real connection, on whatever machine this is.
func TestInspectOverSSH(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/etc/os-release"); err != nil {
		t.Skip("no /etc/os-release")
	}
	fakes := newSandbox(t)
	fakes.write("bin/ip", "#!/bin/sh\necho '2: eth0    inet 10.1.1.1/16 scope global eth0'\n", 0o755)
	fakes.write("bin/ss", "#!/bin/sh\necho 'LISTEN 0 4096 *:6443 *:* users:((\"kube-apiserver\",pid=42,fd=5))'\n", 0o755)
	fakes.write("bin/systemctl", "#!/bin/sh\ncase \"$*\" in *--value*) echo 0123abcd ;; *) printf 'Id=haproxy.service\\nActiveState=active\\n' ;; esac\n", 0o755)
	fakes.write("bin/journalctl", "#!/bin/sh\n[ \"$6\" = _SYSTEMD_INVOCATION_ID=0123abcd ] && printf '(KPLB) Entering MASTER STATE\\n(KPLB) other\\n(KPLB) Entering BACKUP STATE (init)\\n'\n", 0o755)
	fakes.write("bin/haproxy", "#!/bin/sh\necho 'HAProxy version 2.6.12-1+deb12u3'\n", 0o755)
	fakes.write("bin/keepalived", "#!/bin/sh\necho 'Keepalived v2.2.7 (01/16,2022)' >&2\n", 0o755)
	server := remotetest.NewServer(t, remotetest.Options{Other: remotetest.RunShell, Path: fakes.path("bin")})
	h, err := remote.Dial(t.Context(), server.Target(), server.Options())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close() //nolint:errcheck // a test's connection
	c := parse(t, home)
	c.HAProxy.MonitorPort = closed(t, "127.0.0.1").Port()
	f, err := inspect(t.Context(), h, c, c.Nodes[0], inspection{status: true})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "addresses", f.Addresses, []Address{address("eth0", "10.1.1.1/16")})
	same(t, "listeners", f.Listeners, []Listener{listener("[::]:6443", apiserverProcess)})
	same(t, "units", f.Units, map[string]Unit{"haproxy.service": {Active: "active"}})
	same(t, "versions", f.HAProxy.Version.String()+" "+f.Keepalived.Version.String(), "2.6.12 2.2.7")
	same(t, "haproxy is silent", f.Servers == nil, true)
	same(t, "VRRP", f.VRRP, map[string]string{"KPLB": "MASTER"})
	if f.Arch == "" || f.OS.ID == "" {
		t.Errorf("arch %q, os %q", f.Arch, f.OS)
	}
}
