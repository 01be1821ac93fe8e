package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/remote/remotetest"
)

// hosts are SSH servers, and an inventory in which they are nodes.
type hosts struct {
	t       *testing.T
	servers []*remotetest.Server
	file    string // the inventory
	known   string // the known_hosts file, which is not there at first
}

// newHosts has two servers that let nobody in: a host key is shown before.
func newHosts(t *testing.T) *hosts {
	t.Helper()
	dir := t.TempDir()
	h := &hosts{t: t, file: filepath.Join(dir, "cluster.yaml"), known: filepath.Join(dir, "ssh", "known_hosts")}
	var text strings.Builder
	text.WriteString("apiVersion: kplb/v1alpha1\nkind: Cluster\nname: home\nvip: 10.1.233.1\nnodes:\n")
	for i := range 2 {
		s := remotetest.NewServer(t, remotetest.Options{Faults: remotetest.Faults{RefuseAuth: true}})
		h.servers = append(h.servers, s)
		fmt.Fprintf(&text, "  - {name: node-%d, address: 10.1.1.%d, ssh: {host: 127.0.0.1, port: %d}}\n", i+1, i+1, s.Port())
	}
	if err := os.WriteFile(h.file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

// trust runs the command; what is of this run alone has a name instead.
func (h *hosts) trust(stdin any, args ...string) outcome {
	h.t.Helper()
	var out, diagnostics strings.Builder
	s := streams{in: strings.NewReader(""), out: &out, err: &diagnostics}
	if f, ok := stdin.(*os.File); ok {
		s.in = f
	}
	args = append([]string{"trust", "-i", h.file, "--ssh-config", "none", "--known-hosts", h.known, "--ssh-user", "pi"}, args...)
	code := run(h.t.Context(), args, s)
	return outcome{h.t, "trust", code, out.String(), strings.ReplaceAll(diagnostics.String(), h.known, "KNOWN")}
}

// shows is what is printed of the nodes whose keys are in these states; "" for a
// node that shows none.
func (h *hosts) shows(states ...string) string {
	h.t.Helper()
	var out strings.Builder
	for i, state := range states {
		if state == "" {
			continue
		}
		s := h.servers[i]
		key, err := remote.ScanHostKey(h.t.Context(), s.Target(), s.Options())
		if err != nil {
			h.t.Fatal(err)
		}
		fmt.Fprintf(&out, "node-%d\t[127.0.0.1]:%d\tssh-ed25519\t%s\t%s\n", i+1, s.Port(), key.Fingerprint, state)
	}
	return out.String()
}

// recorded is how many keys known_hosts has; -1: it is not there.
func (h *hosts) recorded() int {
	data, err := os.ReadFile(h.known)
	if err != nil {
		return -1
	}
	return strings.Count(string(data), "\n")
}

// TestTrust records unknown keys once, and only after a yes.
func TestTrust(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	unknown := h.shows("unknown", "unknown")
	h.trust(nil).says(exitUsage, unknown, "kplb: stdin is not a terminal, so nobody can be asked: give --yes to go on without\n"+
		"kplb: hint: see `kplb --help`, and `kplb COMMAND --help`\n")
	same(t, "recorded without a yes", h.recorded(), -1)
	h.trust(nil, "--yes").says(0, unknown, "kplb: 2 keys recorded in KNOWN\n")
	same(t, "recorded", h.recorded(), 2)
	h.trust(nil).says(0, h.shows("known", "known"), "")
	same(t, "recorded the second time", h.recorded(), 2)

	for _, s := range h.servers {
		for _, r := range s.Requests() {
			t.Errorf("a server was asked for %s", r)
		}
	}
}

// TestTrustChanged: a key that differs from a recorded one is never recorded, and
// neither are the others then.
func TestTrustChanged(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	h.trust(nil, "--yes").ends(0)
	h.servers[1].SetHostKeys(remotetest.NewKey(t))
	before, err := os.ReadFile(h.known)
	if err != nil {
		t.Fatal(err)
	}
	h.trust(nil, "--yes").says(exitUnchanged, h.shows("known", "changed"), "kplb: node-2: host key is changed\n")
	after, err := os.ReadFile(h.known)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "known_hosts", string(after), string(before))
}

// TestTrustUnreachable: without the keys of all nodes none is recorded.
func TestTrustUnreachable(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	h.servers[0].SetFaults(remotetest.Faults{HangUp: true})
	o := h.trust(nil, "--yes").ends(exitUnchanged)
	same(t, "stdout", o.stdout, h.shows("", "unknown"))
	says, hint, _ := strings.Cut(o.stderr, "kplb: hint: ")
	same(t, "stderr", says, fmt.Sprintf("kplb: node-1 (%s): SSH handshake failed: the host hung up before the login\n", h.servers[0].Addr()))
	same(t, "hint", strings.HasPrefix(hint, "sshd does so when too many logins are under way"), true)
	same(t, "recorded", h.recorded(), -1)
}

// TestTrustCannotRecord names the file.
func TestTrustCannotRecord(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	if err := os.WriteFile(filepath.Dir(h.known), []byte("no directory"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := h.trust(nil, "--yes").ends(exitUnchanged)
	same(t, "stdout", o.stdout, h.shows("unknown", "unknown"))
	same(t, "stderr", strings.ReplaceAll(o.stderr, filepath.Dir(h.known), "DIR"), "kplb: the known_hosts file cannot be read or kept: mkdir DIR: not a directory\n")
}

// TestTrustNobodyReads: keys that nobody could compare are not recorded.
func TestTrustNobodyReads(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	var diagnostics strings.Builder
	code := run(t.Context(), []string{"trust", "-i", h.file, "--ssh-config", "none", "--known-hosts", h.known, "--yes"},
		streams{in: strings.NewReader(""), out: brokenPipe{}, err: &diagnostics})
	same(t, "exit code", code, exitUnchanged)
	same(t, "stderr", diagnostics.String(), "kplb: io: read/write on closed pipe\n")
	same(t, "recorded", h.recorded(), -1)
}

// trustAs runs the command with an ssh_config that says where keys are kept.
func (h *hosts) trustAs(config string) outcome {
	h.t.Helper()
	file := filepath.Join(h.t.TempDir(), "config")
	if err := os.WriteFile(file, []byte("Host *\n"+config+"\n"), 0o600); err != nil {
		h.t.Fatal(err)
	}
	var out, diagnostics strings.Builder
	code := run(h.t.Context(), []string{"trust", "-i", h.file, "--ssh-config", file, "--ssh-user", "pi", "--yes"},
		streams{in: strings.NewReader(""), out: &out, err: &diagnostics})
	return outcome{h.t, "trust", code, out.String(), strings.ReplaceAll(diagnostics.String(), filepath.Dir(h.known), "DIR")}
}

// TestTrustFiles: each key goes where ssh looks for it.
func TestTrustFiles(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	unknown := h.shows("unknown", "unknown")
	config := "UserKnownHostsFile \"" + filepath.Dir(h.known) + "/of %p/known hosts\""
	var told strings.Builder
	for _, s := range h.servers {
		fmt.Fprintf(&told, "kplb: 1 keys recorded in DIR/of %d/known hosts\n", s.Port())
	}
	h.trustAs(config).says(0, unknown, told.String())
	h.trustAs(config).says(0, h.shows("known", "known"), "")
	left, err := os.ReadDir(filepath.Dir(h.known))
	if err != nil || len(left) != 2 {
		t.Errorf("%v, %v", left, err)
	}
}

// TestTrustKeepsNothing: a file that keeps nothing is named before anybody is asked.
func TestTrustKeepsNothing(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	const cannot = "kplb: the known_hosts file cannot be read or kept: "
	const name = "; name a file: --known-hosts FILE, with the same FILE from then on\n"
	unknown := h.shows("unknown", "unknown")
	h.trustAs("UserKnownHostsFile /dev/null").says(exitUnchanged, unknown, cannot+"/dev/null is a device or a pipe, which keeps nothing"+name)
	h.trustAs("UserKnownHostsFile none").says(exitUnchanged, unknown, cannot+"ssh_config's UserKnownHostsFile is none"+name)
}
