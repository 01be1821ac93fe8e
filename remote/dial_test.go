package remote_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/remote/remotetest"
)

// mask makes messages comparable: ports, fingerprints and the test's directories differ every time.
func mask(s string) string {
	for _, m := range []struct{ pattern, to string }{
		{`127\.0\.0\.1\]?:\d+`, "HOST"}, {`SHA256:[A-Za-z0-9+/]{43}`, "SHA256:…"}, {`/tmp/[^ :;)']*/`, "DIR/"}, {`-p \d+`, "-p PORT"}, {`\[HOST`, "[HOST]"},
		{`ssh-copy-id -p PORT root@127\.0\.0\.1`, "ssh-copy-id -p PORT root@HOST"},
	} {
		s = regexp.MustCompile(m.pattern).ReplaceAllString(s, m.to)
	}
	return s
}

func TestDialErrors(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closedPort := uint16(closed.Addr().(*net.TCPAddr).Port)
	_ = closed.Close()
	noFile := filepath.Join(t.TempDir(), "missing")
	garbage := filepath.Join(t.TempDir(), "garbage")
	if err := os.WriteFile(garbage, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		opts   remotetest.Options
		change func(s *remotetest.Server, target *remote.Target, o *remote.Options)
		is     []error
		want   string
		hint   string
	}{
		{
			name:   "unknown host key",
			change: func(_ *remotetest.Server, _ *remote.Target, o *remote.Options) { o.KnownHosts = []string{noFile} },
			is:     []error{remote.ErrHostKeyUnknown},
			want:   "node (HOST): host key is unknown (ssh-ed25519 SHA256:…)",
			hint:   "compare the fingerprint with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there), then record it: kplb trust",
		},
		{
			name: "changed host key",
			change: func(s *remotetest.Server, _ *remote.Target, _ *remote.Options) {
				s.SetHostKeys(remotetest.NewKey(t))
			},
			is:   []error{remote.ErrHostKeyChanged},
			want: "node (HOST): host key has changed: it shows ssh-ed25519 SHA256:…, but DIR/known_hosts:1 records ssh-ed25519 SHA256:…",
			hint: "find out why before going on: a host that was installed anew has a new key, and so has a host in the middle\nto forget the old key: ssh-keygen -R '[HOST]' -f DIR/known_hosts",
		},
		{
			name: "changed host key is not new",
			change: func(s *remotetest.Server, _ *remote.Target, o *remote.Options) {
				s.SetHostKeys(remotetest.NewKey(t))
				o.AcceptNew = true
			},
			is:   []error{remote.ErrHostKeyChanged},
			want: "node (HOST): host key has changed: it shows ssh-ed25519 SHA256:…, but DIR/known_hosts:1 records ssh-ed25519 SHA256:…",
			hint: "find out why before going on: a host that was installed anew has a new key, and so has a host in the middle\nto forget the old key: ssh-keygen -R '[HOST]' -f DIR/known_hosts",
		},
		{
			name: "known_hosts is a directory",
			change: func(_ *remotetest.Server, _ *remote.Target, o *remote.Options) {
				o.KnownHosts = []string{filepath.Dir(noFile)}
				o.AcceptNew = true
			},
			is:   []error{remote.ErrHostKeyUnknown, remote.ErrKnownHosts},
			want: "node (HOST): host key is unknown (ssh-ed25519 SHA256:…); the known_hosts file cannot be read or kept: read DIR/001: is a directory",
			hint: "compare the fingerprint with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there), then record it: kplb trust --known-hosts FILE, with the same FILE from then on (DIR/001 is a directory)",
		},
		{
			name: "key not authorized",
			opts: remotetest.Options{Faults: remotetest.Faults{RefuseAuth: true}},
			change: func(_ *remotetest.Server, target *remote.Target, _ *remote.Options) {
				target.IdentityFiles = append(target.IdentityFiles, noFile, garbage)
			},
			is:   []error{remote.ErrAuth},
			want: "node (HOST): login was refused as root: tried DIR/id; skipped DIR/missing (no such file or directory), DIR/garbage (it cannot be used: no key found)",
			hint: "the host's log says why: journalctl -t sshd (a key that is not in the authorized_keys of root, a home that others may write, a user or a type of key that sshd_config does not allow)",
		},
		{
			name: "no key at all",
			change: func(_ *remotetest.Server, target *remote.Target, _ *remote.Options) {
				target.IdentityFiles = []string{noFile}
			},
			is:   []error{remote.ErrAuth},
			want: "node (HOST): login was refused as root: no key was offered; skipped DIR/missing (no such file or directory)",
			hint: "name a key that can be read (identity file), or load one into ssh-agent: ssh-add",
		},
		{
			name: "server takes passwords only",
			opts: remotetest.Options{Config: func(c *ssh.ServerConfig) {
				c.PublicKeyCallback = nil
				c.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, errors.New("no") }
			}},
			is:   []error{remote.ErrAuth},
			want: "node (HOST): login was refused as root: the host wants password: nobody can be asked",
			hint: "run kplb on a terminal, where it can ask; or have the host take keys alone",
		},
		{
			name:   "nothing listens",
			change: func(_ *remotetest.Server, target *remote.Target, _ *remote.Options) { target.Port = closedPort },
			is:     []error{remote.ErrUnreachable},
			want:   "node (HOST): is not reachable: connection refused",
			hint:   "is the host up, its address right, and sshd listening on that port?",
		},
		{
			name: "name does not resolve",
			change: func(_ *remotetest.Server, target *remote.Target, _ *remote.Options) {
				target.Host, target.Port = "no-such-host.invalid", 22
			},
			is:   []error{remote.ErrUnreachable},
			want: "node (no-such-host.invalid:22): is not reachable: its name does not resolve (no such host)",
			hint: "give its IP address, or a name that resolves here",
		},
		{
			name: "mute",
			opts: remotetest.Options{Faults: remotetest.Faults{Mute: true}},
			is:   []error{remote.ErrTimeout},
			want: "node (HOST): did not answer in time: no login within 300ms",
			hint: "is the host overloaded, or a firewall swallowing packets? If it is only slow: --connect-timeout 1s",
		},
		{
			name: "hangs up",
			opts: remotetest.Options{Faults: remotetest.Faults{HangUp: true}},
			is:   []error{remote.ErrHandshake},
			want: "node (HOST): SSH handshake failed: the host hung up before the login",
			hint: "sshd does so when too many logins are under way (MaxStartups), when it punishes this address (PerSourcePenalties, fail2ban), or without host keys; its log says which",
		},
		{
			name: "not an SSH server",
			opts: remotetest.Options{Faults: remotetest.Faults{Banner: "HTTP/1.1 400 Bad Request\r\n" + strings.Repeat("\x1b[2J", 300) + "\r\n"}},
			is:   []error{remote.ErrHandshake},
			want: "node (HOST): SSH handshake failed: no SSH server answers there (overflow reading version string); the host says: HTTP/1.1 400 Bad Request",
			hint: "is the port right?",
		},
		{
			name: "old algorithms",
			opts: remotetest.Options{Config: func(c *ssh.ServerConfig) { c.KeyExchanges = []string{ssh.InsecureKeyExchangeDH14SHA1} }},
			is:   []error{remote.ErrHandshake},
			want: "node (HOST): SSH handshake failed: no common algorithm for key exchange: it offers only diffie-hellman-group14-sha1, kex-strict-s-v00@openssh.com",
			hint: "the host's sshd is too old, or configured too narrowly",
		},
		{
			name: "option for a host",
			change: func(_ *remotetest.Server, target *remote.Target, _ *remote.Options) {
				target.Host = "-oProxyCommand=id"
			},
			is:   []error{remote.ErrTarget},
			want: `node: cannot be used as an SSH target: "-oProxyCommand=id" is neither a host name nor an IP address`,
		},
		{
			name:   "option for a user",
			change: func(_ *remotetest.Server, target *remote.Target, _ *remote.Options) { target.User = "-l" },
			is:     []error{remote.ErrTarget},
			want:   `node: cannot be used as an SSH target: "-l" is not a user name`,
		},
		{
			name: "jump host with a bad port",
			change: func(_ *remotetest.Server, target *remote.Target, _ *remote.Options) {
				target.ProxyJump = []string{"a:0"}
			},
			is:   []error{remote.ErrTarget},
			want: `node: cannot be used as an SSH target: jump host "a:0" has no port between 1 and 65535`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := remotetest.NewServer(t, tt.opts)
			target, opts := s.Target(), s.Options()
			if tt.opts.Faults.Mute {
				opts.ConnectTimeout = 300 * time.Millisecond
			}
			if tt.change != nil {
				tt.change(s, &target, &opts)
			}
			_, err := remote.Dial(t.Context(), target, opts)
			if err == nil {
				t.Fatal("no error")
			}
			if got := mask(err.Error()); got != tt.want {
				t.Errorf("message\n got  %s\n want %s", got, tt.want)
			}
			if got := mask(remote.Hint(err)); got != tt.hint {
				t.Errorf("hint\n got  %s\n want %s", got, tt.hint)
			}
			for _, is := range tt.is {
				if !errors.Is(err, is) {
					t.Errorf("is not %v", is)
				}
			}
		})
	}
}

func TestTooManyKeys(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	s := remotetest.NewServer(t, remotetest.Options{Config: func(c *ssh.ServerConfig) { c.MaxAuthTries = 2 }})
	target := s.Target()
	good := target.IdentityFiles[0]
	target.IdentityFiles = nil
	for range 4 {
		other := remotetest.NewServer(t, remotetest.Options{})
		target.IdentityFiles = append(target.IdentityFiles, other.Target().IdentityFiles[0])
	}
	target.IdentityFiles = append(target.IdentityFiles, good)
	_, err := remote.Dial(t.Context(), target, s.Options())
	want := "node (HOST): login was refused as root: more keys were offered than the host accepts attempts; tried DIR/id, DIR/id, DIR/id, DIR/id, DIR/id; the host says: too many authentication failures"
	if !errors.Is(err, remote.ErrAuth) || mask(err.Error()) != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// calm counts goroutines once their number stays the same: the other side of a new connection is still at it.
func calm() int {
	now := runtime.NumGoroutine()
	for same := 0; same < 5; same++ {
		time.Sleep(10 * time.Millisecond)
		if n := runtime.NumGoroutine(); n != now {
			now, same = n, 0
		}
	}
	return now
}

// settle waits until no more goroutines run than before.
func settle(t *testing.T, before int) {
	t.Helper()
	var now int
	for range 100 {
		if now = runtime.NumGoroutine(); now <= before {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	stacks := make([]byte, 1<<16)
	t.Errorf("%d goroutines before, %d now\n%s", before, now, stacks[:runtime.Stack(stacks, true)])
}

func TestDialCancel(t *testing.T) {
	for name, faults := range map[string]remotetest.Faults{"mute": {Mute: true}, "slow": {Delay: time.Second}} {
		t.Run(name, func(t *testing.T) {
			s := remotetest.NewServer(t, remotetest.Options{Faults: faults})
			before := calm()
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(100*time.Millisecond, cancel)
			start := time.Now()
			_, err := remote.Dial(ctx, s.Target(), s.Options())
			if !errors.Is(err, context.Canceled) || mask(err.Error()) != "node (HOST): interrupted" {
				t.Errorf("err = %v", err)
			}
			if took := time.Since(start); took > 500*time.Millisecond {
				t.Errorf("took %s", took)
			}
			s.Cut()
			settle(t, before)
		})
	}
}

func TestDialLeavesNothing(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.Options{Other: func(*remotetest.Call) int { return 0 }})
	before := calm()
	for range 5 {
		h, err := remote.Dial(t.Context(), s.Target(), s.Options())
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Run(t.Context(), remote.Script{Name: "x", Body: ":"}, nil); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(h.Close(), h.Close()); err != nil {
			t.Fatal(err)
		}
		if err := h.Run(t.Context(), remote.Script{Name: "x", Body: ":"}, nil); !errors.Is(err, remote.ErrClosed) || !errors.Is(err, remote.ErrNotStarted) {
			t.Errorf("after close: %v", err)
		}
	}
	settle(t, before)
	for _, request := range s.Requests() {
		if strings.Contains(request, "auth-agent") {
			t.Errorf("agent forwarding was asked for: %s", request)
		}
	}
}

func TestKeepalive(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.Options{Other: func(c *remotetest.Call) int {
		c.Record("here")
		<-c.Context.Done()
		return 0
	}})
	before := calm()
	opts := s.Options()
	opts.KeepaliveInterval = 200 * time.Millisecond
	h := dial(t, s.Target(), opts)
	start := time.Now()
	err := h.Run(t.Context(), remote.Script{Name: "long", Body: ":"}, func(remote.Record) error {
		time.Sleep(500 * time.Millisecond) // answered probes keep it
		s.Freeze()
		return nil
	})
	if want := "node (HOST): connection lost during long: no answer for 200ms"; !errors.Is(err, remote.ErrConnectionLost) || mask(err.Error()) != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
	_ = h.Close()
	s.Cut()
	settle(t, before)
}
