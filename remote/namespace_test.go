package remote_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
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
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
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
