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
