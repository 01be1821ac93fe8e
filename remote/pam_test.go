package remote_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/remote"
)

// pamSetup makes an /etc of its own in the mount namespace that it runs in, with the users that sshd needs, and starts sshd.
//
//	$1  a directory of the test's
//	$2  sshd
//	$3  what else is to be done, in sh
const pamSetup = `set -e
mount --make-rprivate /
cp -a /etc "$1/etc"
mount --bind "$1/etc" /etc
mount -t tmpfs none /run
mkdir -m 755 /run/sshd
printf '%s\n' "sshd:x:9998:65534::/run/sshd:/usr/sbin/nologin" "pi:x:9999:9999::$1/home:/bin/sh" >>/etc/passwd
echo 'pi:x:9999:' >>/etc/group
echo 'pi:$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/:19000:0:99999:7:::' >>/etc/shadow
printf '%s\n' 'auth required pam_unix.so' 'account required pam_nologin.so' 'account required pam_unix.so' 'session required pam_permit.so' 'password required pam_deny.so' >/etc/pam.d/sshd
rm -f /etc/nologin
mkdir -p "$1/home/.ssh"
cp "$1/key.pub" "$1/home/.ssh/authorized_keys"
chown -R pi:pi "$1/home"
chmod 755 "$1" "$1/home"
eval "$3"
exec "$2" -D -e -f "$1/config"
`

// startPAM starts a real sshd with PAM, and gives how to log in to it as pi.
func startPAM(t *testing.T, config, also string) (remote.Target, remote.Options) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("sshd with PAM needs root")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	dir, err := os.MkdirTemp("", "kplb-pam") // t.TempDir's parents are closed to pi
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, name := range []string{"key", "host"} {
		if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name)).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	config = fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nHostKey %s/host\nPidFile none\nUsePAM yes\n%s\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n", port, dir, config)
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(strings.ReplaceAll(config, "DIR", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "-m", "sh", "-c", pamSetup, "sh", dir, sshd(t), also)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() //nolint:errcheck // sshd has its own
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if said, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("sshd: %s", said)
		}
	})
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = c.Close()
			break
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(log.Name())
			t.Fatalf("sshd does not listen: %s", said)
		}
	}
	return remote.Target{Name: "node", Host: "127.0.0.1", Port: uint16(port), User: "pi", IdentityFiles: []string{filepath.Join(dir, "key")}},
		remote.Options{KnownHosts: []string{filepath.Join(dir, "known_hosts")}, AcceptNew: true, ConnectTimeout: 5 * time.Second}
}

// TestPAM logs in to a real sshd that refuses in its own ways.
func TestPAM(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	const (
		login   = "node (HOST): login was refused as pi: "
		rest    = " (a key that is not in the authorized_keys of pi, a home that others may write, a user or a type of key that sshd_config does not allow)"
		log     = "the host's log says why: journalctl -t sshd"
		account = "an account that has expired or is locked, or /etc/nologin, ends a login so; " + log
		ended   = "node (HOST): the script did not start: the login shell ended before the first command "
	)
	for _, c := range []struct {
		name, config, also string
		answer             string // of a person
		want, hint, said   string // of the login, or of a script that runs as far as sudo
	}{
		{name: "nologin", also: "echo 'Maintenance until 10:00, call ops' >/etc/nologin", want: login + "the key DIR/key was accepted, then the host hung up; the host says: Maintenance until 10:00, call ops", hint: account,
			said: "Maintenance until 10:00, call ops"},
		{name: "an account that expired", also: "sed -i '/^pi:/s/:::$/::1:/' /etc/shadow",
			want: login + "the key DIR/key was accepted, then the host hung up; the host says: Your account has expired; please contact your system administrator.", hint: account, said: "administrator."},
		{name: "a user who is not allowed", config: "AllowUsers root", want: login + "tried DIR/key", hint: log + rest},
		{name: "a type of key that is not allowed", config: "PubkeyAcceptedAlgorithms rsa-sha2-512", want: login + "tried DIR/key", hint: log + rest},
		{name: "a home that others may write", also: `chmod 777 "$1/home"`, want: login + "tried DIR/key", hint: log + rest},
		{name: "a banner", config: "AllowUsers root\nBanner /etc/issue.kplb", also: "printf 'Authorized use only\nAll is logged\n' >/etc/issue.kplb",
			want: login + "tried DIR/key; the host says: Authorized use only | All is logged", hint: log + rest, said: "All is logged"},
		{name: "key and question, nobody there", config: "KbdInteractiveAuthentication yes\nAuthenticationMethods publickey,keyboard-interactive",
			want: login + "the key DIR/key was accepted; the host also wants keyboard-interactive: nobody can be asked", hint: "run kplb on a terminal, where it can ask; or have the host take keys alone"},
		{name: "key and password, nobody there", config: "PasswordAuthentication yes\nAuthenticationMethods publickey,password",
			want: login + "the key DIR/key was accepted; the host also wants password: nobody can be asked", hint: "run kplb on a terminal, where it can ask; or have the host take keys alone"},
		{name: "a forced command", config: "ForceCommand echo 'no commands here'", want: ended + "(exit status 0): no commands here",
			hint: "pi must be able to run commands: a usual shell, no startup file that ends or replaces it, no ForceCommand in sshd_config, no command= in authorized_keys", said: "no commands here"},
		{name: "a forced command that reads", config: "ForceCommand cat",
			want: "node (HOST): the script did not start: a startup file of pi replaced the shell, or sshd runs another command (exit status 0)",
			hint: strings.ReplaceAll(noTerminal, "root", "pi") + "\nor allow commands for this login: no ForceCommand in sshd_config, no command= in authorized_keys"},
		{name: "nologin is the shell", also: "sed -i '/^pi:/s,/bin/sh,/usr/sbin/nologin,' /etc/passwd", want: ended + "(exit status 1): This account is currently not available.",
			hint: "give the user a shell there (usermod -s /bin/sh), or log in as another one", said: "This account is currently not available."},
		{name: "a password that must be changed", also: "sed -i '/^pi:/s/:19000:/:0:/' /etc/shadow", want: "password", said: "no TTY available."},
	} {
		t.Run(c.name, func(t *testing.T) {
			target, opts := startPAM(t, c.config, c.also)
			h, err := remote.Dial(t.Context(), target, opts)
			if err == nil {
				_, err = collect(t, h, remote.Script{Name: "x", Body: "record here"})
				_ = h.Close()
			}
			if c.want == "password" { // PAM's words differ
				if !strings.Contains(errText(err), "Password change required but no TTY available.") || !strings.HasPrefix(remote.Hint(err), "log in on a terminal and change the password: ssh ") {
					t.Errorf("%v, hint %s", err, remote.Hint(err))
				}
				return
			}
			if errText(err) != c.want || mask(remote.Hint(err)) != c.hint {
				t.Errorf("\n got  %s\n want %s\n hint %s", errText(err), c.want, mask(remote.Hint(err)))
			}
			checkRules(t, false, c.said, err)
		})
	}
}

// TestPAMQuestion: a person answers what PAM asks besides the key.
func TestPAMQuestion(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	for method, question := range map[string]string{"keyboard-interactive": "Password", "password": "password of pi"} {
		t.Run(method, func(t *testing.T) {
			target, opts := startPAM(t, "AuthenticationMethods publickey,"+method+"\nPasswordAuthentication yes\nKbdInteractiveAuthentication yes", "echo pi:secret | chpasswd")
			asked := 0
			opts.Answer = func(_ context.Context, host, got string) ([]byte, error) {
				asked++
				if host != "node" || !strings.HasSuffix(got, question) {
					t.Errorf("%s: %q", host, got)
				}
				return []byte("secret"), nil
			}
			dial(t, target, opts)
			if asked != 1 {
				t.Errorf("asked %d times", asked)
			}
		})
	}
}

// TestNarrowSSHD: what allows one session and one login at a time is enough.
func TestNarrowSSHD(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	target, opts := startPAM(t, "MaxSessions 1\nMaxStartups 1:100:1\nRekeyLimit 16K\nPermitTTY no\nDisableForwarding yes", "")
	for range 3 {
		time.Sleep(200 * time.Millisecond) // the connection before has gone
		h := dial(t, target, opts)
		_, err := collect(t, h, remote.Script{Name: "x", Body: "record here"})
		if want := "sudo refused"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("pi has no sudo here: %v", err)
		}
		_ = h.Close()
	}
	idle, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", target.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close() //nolint:errcheck // a test's connection
	time.Sleep(200 * time.Millisecond)
	_, err = remote.Dial(t.Context(), target, opts)
	if want := "node (HOST): SSH handshake failed: the host hung up before the login; the host says: Exceeded MaxStartups"; errText(err) != want {
		t.Errorf("got  %s\nwant %s", errText(err), want)
	}
}
