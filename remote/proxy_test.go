package remote_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/remote/remotetest"
)

// proxied has the node be reached by a shell command, in which PIPE carries the data.
func proxied(t *testing.T, s *remotetest.Server, command string) remote.Options {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSH_AUTH_SOCK", "")
	script := filepath.Join(t.TempDir(), "proxy")
	text := "#!/bin/sh\n" + strings.ReplaceAll(command, "PIPE", "KPLB_TEST_PROXY="+s.Addr()+" "+self) + "\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return configFor(t, s, "Host *\nProxyCommand "+script+"\n")
}

func TestProxyCommand(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.Options{Other: remotetest.RunShell})
	before := calm()
	pid := filepath.Join(t.TempDir(), "pid")
	opts := proxied(t, s, "echo $$ >"+pid+"; PIPE")
	h := dial(t, remote.Target{Host: "node"}, opts)
	if got, err := collect(t, h, remote.Script{Name: "x", Body: "record there"}); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	_ = h.Close()
	data, err := os.ReadFile(pid)
	if err != nil {
		t.Fatal(err)
	}
	gone(t, strings.TrimSpace(string(data)))
	settle(t, before)
	// A jump that somebody names takes the place of the command.
	target := s.Target()
	target.ProxyJump = []string{}
	dial(t, target, proxied(t, s, "exit 1"))
}

// gone waits until a process has ended.
func gone(t *testing.T, pid string) {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if errors.Is(syscall.Kill(n, 0), syscall.ESRCH) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("process %s goes on", pid)
}

func TestProxyCommandErrors(t *testing.T) {
	tests := []struct {
		name, command string
		faults        remotetest.Faults
		is            error
		want          string
	}{
		{name: "ends at once", command: "exit 7", is: remote.ErrUnreachable, want: "is not reachable: ProxyCommand ended, exit status 7"},
		{name: "says why", command: "echo gateway: token expired >&2; exit 1", is: remote.ErrUnreachable, want: "is not reachable: ProxyCommand ended, exit status 1: gateway: token expired"},
		{name: "is not there", command: "no-such-program", is: remote.ErrUnreachable, want: "is not reachable: ProxyCommand ended, exit status 127: DIR/proxy: 2: no-such-program: not found"},
		{name: "is killed", command: "kill -9 $$", is: remote.ErrUnreachable, want: "is not reachable: ProxyCommand ended, signal: killed"},
		{name: "says and does nothing", command: "echo waiting for approval >&2; exec sleep 60", is: remote.ErrTimeout, want: "did not answer in time: no login within 1s; ProxyCommand was still running: waiting for approval"},
		{name: "prints something else", command: "echo hello; exec sleep 60", is: remote.ErrTimeout, want: "did not answer in time: no login within 1s; ProxyCommand was still running; the host says: hello"},
		{name: "the host hangs up", command: "PIPE; echo lost the node >&2; exit 1", faults: remotetest.Faults{HangUp: true}, is: remote.ErrUnreachable, want: "is not reachable: ProxyCommand ended, exit status 1: lost the node"},
		{name: "the host lets nobody in", command: "PIPE", faults: remotetest.Faults{RefuseAuth: true}, is: remote.ErrAuth, want: "login was refused as root: tried DIR/id"},
		{name: "ignores SIGHUP", command: "trap '' HUP TERM; sleep 60", is: remote.ErrTimeout, want: "did not answer in time: no login within 1s; ProxyCommand was still running"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := remotetest.NewServer(t, remotetest.Options{Faults: tt.faults})
			pid := filepath.Join(t.TempDir(), "pid")
			opts := proxied(t, s, "echo $$ >"+pid+"; "+tt.command)
			if errors.Is(tt.is, remote.ErrTimeout) {
				opts.ConnectTimeout = time.Second
			}
			_, err := remote.Dial(t.Context(), remote.Target{Name: "node", Host: "node"}, opts)
			if want := "node (HOST): " + tt.want; !errors.Is(err, tt.is) || errText(err) != want {
				t.Errorf("\n got  %s\n want %s", errText(err), want)
			}
			data, err := os.ReadFile(pid)
			if err != nil {
				t.Fatal(err)
			}
			gone(t, strings.TrimSpace(string(data)))
		})
	}
}

// TestProxyCommandEnds has the command end under a connection that is in use.
func TestProxyCommandEnds(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.Options{Other: remotetest.RunShell})
	pid := filepath.Join(t.TempDir(), "pid")
	h := dial(t, remote.Target{Name: "node", Host: "node"}, proxied(t, s, "exec 3<&0; PIPE <&3 & echo $! >"+pid+".new; mv "+pid+".new "+pid+"; wait; echo session is over >&2; exit 4"))
	err := h.Run(t.Context(), remote.Script{Name: "x", Body: "record there; sleep 2"}, func(remote.Record) error {
		data, err := os.ReadFile(pid)
		for end := time.Now().Add(time.Second); errors.Is(err, fs.ErrNotExist) && time.Now().Before(end); { // the login may be done before the shell has written it
			time.Sleep(10 * time.Millisecond)
			data, err = os.ReadFile(pid)
		}
		if err != nil {
			return err
		}
		return exec.CommandContext(t.Context(), "kill", strings.TrimSpace(string(data))).Run()
	})
	want := "node (HOST): connection lost during x: the host closed it; ProxyCommand ended, exit status 4: session is over"
	if !errors.Is(err, remote.ErrConnectionLost) || errText(err) != want {
		t.Errorf("\n got  %s\n want %s", errText(err), want)
	}
}

// TestProxyCommandIsInterrupted ends the command with the caller's context.
func TestProxyCommandIsInterrupted(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.Options{})
	pid := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err := remote.Dial(ctx, remote.Target{Host: "node"}, proxied(t, s, fmt.Sprintf("echo $$ >%s; exec sleep 60", pid)))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	data, err := os.ReadFile(pid)
	if err != nil {
		t.Fatal(err)
	}
	gone(t, strings.TrimSpace(string(data)))
}
