package remote_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/remote/remotetest"
)

// through adds jump hosts to a server's target, with their keys and host keys.
func through(s *remotetest.Server, jumps ...*remotetest.Server) (remote.Target, remote.Options) {
	target, opts := s.Target(), s.Options()
	for _, jump := range jumps {
		target.ProxyJump = append(target.ProxyJump, "root@"+jump.Addr())
		target.IdentityFiles = append(target.IdentityFiles, jump.Target().IdentityFiles...)
		opts.KnownHosts = append(opts.KnownHosts, jump.KnownHosts())
	}
	return target, opts
}

func TestJump(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	first, second := remotetest.NewServer(t, remotetest.Options{}), remotetest.NewServer(t, remotetest.Options{})
	s := remotetest.NewServer(t, remotetest.Options{Other: remotetest.RunShell})
	before := calm()
	target, opts := through(s, first, second)
	h, err := remote.Dial(t.Context(), target, opts)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := collect(t, h, remote.Script{Name: "x", Body: "record there"}); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	for i, hop := range []*remotetest.Server{first, second} {
		if got := fmt.Sprint(hop.Requests()); got != "[direct-tcpip]" {
			t.Errorf("hop %d saw %s", i+1, got)
		}
	}
	_ = h.Close()
	settle(t, before)
}

func TestJumpErrors(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	tests := []struct {
		name   string
		jump   remotetest.Options
		node   remotetest.Options
		change func(target *remote.Target, opts *remote.Options)
		is     error
		want   string
	}{
		{
			name:   "its key is unknown",
			change: func(_ *remote.Target, o *remote.Options) { o.KnownHosts = o.KnownHosts[:1] },
			is:     remote.ErrHostKeyUnknown,
			want:   "node (HOST): jump host root@HOST: host key is unknown (ssh-ed25519 SHA256:…)",
		},
		{
			name: "it lets nobody in", jump: remotetest.Options{Faults: remotetest.Faults{RefuseAuth: true}}, is: remote.ErrAuth,
			want: "node (HOST): jump host root@HOST: login was refused as root: tried DIR/id, DIR/id",
		},
		{
			name: "it is mute", jump: remotetest.Options{Faults: remotetest.Faults{Mute: true}}, is: remote.ErrTimeout,
			want: "node (HOST): jump host root@HOST: did not answer in time: no login within 300ms",
		},
		{
			name: "it forwards nothing", jump: remotetest.Options{Faults: remotetest.Faults{NoForwarding: true}}, is: remote.ErrForwarding,
			want: "node (HOST): is not reachable: forwarding is not allowed by the jump host before it (administratively prohibited: open failed)",
		},
		{
			name: "the node is mute", node: remotetest.Options{Faults: remotetest.Faults{Mute: true}}, is: remote.ErrTimeout,
			want: "node (HOST): did not answer in time: no login within 300ms",
		},
		{
			name:   "the node is down",
			change: func(target *remote.Target, _ *remote.Options) { target.Port = 1 },
			is:     remote.ErrUnreachable,
			want:   "node (HOST): is not reachable from the jump host before it: Connection refused",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target, opts := through(remotetest.NewServer(t, tt.node), remotetest.NewServer(t, tt.jump))
			if errors.Is(tt.is, remote.ErrTimeout) {
				opts.ConnectTimeout = 300 * time.Millisecond
			}
			if tt.change != nil {
				tt.change(&target, &opts)
			}
			_, err := remote.Dial(t.Context(), target, opts)
			if !errors.Is(err, tt.is) || errText(err) != tt.want {
				t.Errorf("\n got  %s\n want %s", errText(err), tt.want)
			}
		})
	}
}

func TestSSHConfig(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	jump := remotetest.NewServer(t, remotetest.Options{})
	s := remotetest.NewServer(t, remotetest.Options{Other: remotetest.RunShell})
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	included := write("included", fmt.Sprintf("Host bastion\n HostName 127.0.0.1\n Port %d\n User root\n IdentityFile %s\n", jump.Port(), jump.Target().IdentityFiles[0]))
	config := write("config", fmt.Sprintf(`Include %s
Match host n1 exec "true"
 HostName 127.0.0.1
 Port %d
 ProxyJump bastion
Host n1
 User root
 IdentityFile %s
Host loop
 ProxyJump pool
Host pool
 ProxyJump loop
Host command
 ProxyCommand sh -c 'echo no way to %%h %%p >&2; exit 3'
Host hop
 ProxyJump none
Host *
 UserKnownHostsFile %s %s
`, included, s.Port(), s.Target().IdentityFiles[0], s.KnownHosts(), jump.KnownHosts()))
	opts := remote.Options{SSHConfigFile: config}
	h := dial(t, remote.Target{Host: "n1"}, opts)
	if h.Addr() != s.Addr() || h.User() != "root" {
		t.Errorf("logged in as %s to %s", h.User(), h.Addr())
	}
	if got := fmt.Sprint(jump.Requests()); got != "[direct-tcpip]" {
		t.Errorf("jump host saw %s", got)
	}
	// What the Target says wins.
	target := s.Target()
	target.ProxyJump = []string{}
	dial(t, target, opts)
	for host, want := range map[string]string{
		"loop":    "loop: jump host pool: cannot be used as an SSH target: more than 8 jump hosts",
		"command": "command (command:22): is not reachable: ProxyCommand ended, exit status 3: no way to command 22",
	} {
		if _, err := remote.Dial(t.Context(), remote.Target{Host: host}, opts); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	bad := write("bad", "Host *\n Nonsense yes\n")
	_, err := remote.Dial(t.Context(), remote.Target{Host: "x"}, remote.Options{SSHConfigFile: bad})
	if want := "x: cannot be used as an SSH target: ssh -G x: DIR/bad: line 2: Bad configuration option: nonsense | DIR/bad: terminating, 1 bad configuration options | exit status 255"; errText(err) != want {
		t.Errorf("got  %v\nwant %s", errText(err), want)
	}
}

func TestForward(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = echo.Close() }()
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	s := remotetest.NewServer(t, remotetest.Options{})
	h := connect(t, s)
	c, err := h.DialContext(t.Context(), "tcp", echo.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, "hello")
	got := make([]byte, 5)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
	_ = c.Close()
	_, err = h.DialContext(t.Context(), "tcp", "127.0.0.1:1")
	if want := "node (HOST): the host could not connect to HOST: Connection refused"; !errors.Is(err, remote.ErrForwardFailed) || errText(err) != want {
		t.Errorf("got %v", err)
	}
	s.SetFaults(remotetest.Faults{NoForwarding: true})
	_, err = h.DialContext(t.Context(), "tcp", echo.Addr().String())
	if want := "node (HOST): forwarding is not allowed (administratively prohibited: open failed)"; !errors.Is(err, remote.ErrForwarding) || errText(err) != want {
		t.Errorf("got %v", err)
	}
	s.SetFaults(remotetest.Faults{})
	s.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err = h.DialContext(ctx, "tcp", "127.0.0.1:1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	_ = h.Close()
	if _, err = h.DialContext(t.Context(), "tcp", "127.0.0.1:1"); !errors.Is(err, remote.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
