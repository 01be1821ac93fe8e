package remote_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// inNamespace has the test go on in a process that is the user pi of a machine with
// a network, a home and an /etc/ssh of its own, if it is not that process. It says
// whether it is.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv("KPLB_TEST_HOME") != "" {
		return true
	}
	dir := t.TempDir()
	home := filepath.Join(dir, "home")
	for name, text := range map[string]string{
		"passwd": "root:x:0:0::/:/bin/sh\npi:x:1000:1000::" + home + ":/bin/sh\nsshd:x:64000:64000::/:/bin/false\n",
		"group":  "root:x:0:\npi:x:1000:\n",
		"hosts":  "127.0.0.1 localhost\n10.9.9.1 node-1.lan node-1.lan.\nfd00:9::1 six.lan\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil { //nolint:gosec // as in /etc
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	const enter = `set -e
PATH=$PATH:/usr/sbin:/sbin
ip link set lo up
ip addr add 10.9.9.1/32 dev lo
ip addr add fd00:9::1/128 dev lo nodad
mount -t tmpfs tmpfs /etc/ssh
for f in passwd group hosts; do mount --bind "$KPLB_TEST_HOME/../$f" "/etc/$f"; done
[ -z "$KPLB_TEST_TRY" ] || exit 0
exec setpriv --inh-caps=-all --ambient-caps=-all --bounding-set=-all "$0" "$@"`
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := func(more ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "unshare", "--user", "--map-user=1000", "--map-group=1000", "--mount", "--net", "--keep-caps",
			"sh", "-c", enter, self, "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
		cmd.Env = append(append(os.Environ(), "KPLB_TEST_HOME="+home, "HOME="+home, "USER=pi", "SSH_AUTH_SOCK=", "KPLB_TEST_SSHD_PATH="+sshd(t)), more...)
		return cmd
	}
	if out, err := command("KPLB_TEST_TRY=yes").CombinedOutput(); err != nil {
		skipUnlessRequired(t, fmt.Sprintf("no namespaces: %v: %s", err, out))
	}
	out, err := command().CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	} else if testing.Verbose() {
		t.Logf("%s", out)
	}
	return false
}

// skipUnlessRequired is for what make checkers sees to where root runs the tests.
func skipUnlessRequired(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("KPLB_REQUIRE_CHECKERS") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// sshd finds OpenSSH's server, also where make checkers has unpacked it.
func sshd(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("KPLB_TEST_SSHD_PATH"); path != "" {
		return path
	}
	tools := os.Getenv("KPLB_TOOLS")
	if tools == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		tools = filepath.Join(home, ".cache/kplb/tools")
	}
	for _, path := range []string{"/usr/sbin/sshd", filepath.Join(tools, "sshd")} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	skipUnlessRequired(t, "sshd is not installed; make checkers unpacks it")
	return ""
}

// daemon is an sshd that lets pi in, and tells which keys it was offered.
type daemon struct {
	t    *testing.T
	dir  string
	port int

	mu  sync.Mutex
	log bytes.Buffer
}

// startDaemon starts an sshd on all addresses with more lines in its configuration.
func startDaemon(t *testing.T, port int, config string) *daemon {
	t.Helper()
	d := &daemon{t: t, dir: t.TempDir(), port: port}
	d.write("config", fmt.Sprintf(`Port %d
PidFile none
UsePAM no
StrictModes no
LogLevel VERBOSE
AuthorizedKeysFile %s/authorized
%s`, port, d.dir, config))
	d.write("authorized", "")
	cmd := exec.CommandContext(t.Context(), sshd(t), "-D", "-e", "-f", filepath.Join(d.dir, "config"))
	cmd.Stderr = d
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 100 {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = c.Close()
			return d
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("sshd does not listen: %s", d.said())
	return nil
}

func (d *daemon) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *daemon) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.Write(p)
}

func (d *daemon) said() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.String()
}

var loginLine = regexp.MustCompile(`(Accepted|Failed) publickey for (\S+) from (\S+) port \d+ ssh2: ([^\r\n]*)`)

// logins is what the daemon has decided during call: "Accepted" or "Failed", with
// who has come from where with which key.
func (d *daemon) logins(ctx context.Context, call func(context.Context) error) (decided []string, err error) {
	d.mu.Lock()
	d.log.Reset()
	d.mu.Unlock()
	err = call(ctx)
	for range 20 { // its log comes through a pipe
		before := d.said()
		time.Sleep(25 * time.Millisecond)
		if d.said() == before {
			break
		}
	}
	for _, m := range loginLine.FindAllStringSubmatch(d.said(), -1) {
		decided = append(decided, strings.Join(m[1:], " "))
	}
	return decided, err
}
