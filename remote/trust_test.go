package remote_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/remote/remotetest"
)

func TestScanAndTrust(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.Options{Faults: remotetest.Faults{RefuseAuth: true}})
	file := filepath.Join(t.TempDir(), "new", ".ssh", "known_hosts")
	opts := remote.Options{KnownHosts: []string{file}}
	key, err := remote.ScanHostKey(t.Context(), s.Target(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if key.State != remote.KeyUnknown || key.Host != fmt.Sprintf("[127.0.0.1]:%d", s.Port()) || key.Type != "ssh-ed25519" || key.File != file {
		t.Errorf("scanned %+v", key)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a scan wrote something")
	}
	for range 2 { // the second time is without effect
		if err := remote.Trust(file, key); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(data), "\n"); lines != 1 || !strings.HasPrefix(string(data), "|1|") {
		t.Errorf("known_hosts:\n%s", data)
	}
	for path, want := range map[string]os.FileMode{file: 0o600, filepath.Dir(file): 0o700 | os.ModeDir} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-F", key.Host, "-f", file).CombinedOutput(); err != nil {
		t.Errorf("ssh-keygen does not find it: %v\n%s", err, out)
	}
	if key, err = remote.ScanHostKey(t.Context(), s.Target(), opts); err != nil || key.State != remote.KeyKnown || key.Entries[0].Line != 1 {
		t.Errorf("scanned %+v, %v", key, err)
	}
	s.SetHostKeys(remotetest.NewKey(t))
	if key, err = remote.ScanHostKey(t.Context(), s.Target(), opts); err != nil || key.State != remote.KeyChanged || len(key.Entries) != 1 {
		t.Errorf("scanned %+v, %v", key, err)
	}
	s.SetFaults(remotetest.Faults{HangUp: true})
	if _, err = remote.ScanHostKey(t.Context(), s.Target(), opts); !errors.Is(err, remote.ErrHandshake) {
		t.Errorf("err = %v", err)
	}
}

func TestTrustKeepsFile(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.Options{})
	key, err := remote.ScanHostKey(t.Context(), s.Target(), remote.Options{KnownHosts: []string{"/nonexistent"}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	target, link := filepath.Join(dir, "real"), filepath.Join(dir, "known_hosts")
	if err := errors.Join(os.WriteFile(target, []byte("# mine, without a line end"), 0o640), os.Symlink(target, link)); err != nil {
		t.Fatal(err)
	}
	if err := remote.Trust(link, key); err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(target)
	info, _ := os.Stat(target)
	if !strings.HasPrefix(string(data), "# mine, without a line end\n|1|") || info.Mode() != 0o640 {
		t.Errorf("%v\n%s", info.Mode(), data)
	}
	dial(t, s.Target(), remote.Options{KnownHosts: []string{link}})
	err = remote.Trust(filepath.Join(target, "known_hosts"), key)
	if !errors.Is(err, remote.ErrKnownHosts) || errText(err) != "the known_hosts file cannot be read or kept: mkdir DIR/real: not a directory" {
		t.Errorf("err = %v", err)
	}
}

func TestAcceptNew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known_hosts")
	var mu sync.Mutex
	var told []string
	opts := remote.Options{KnownHosts: []string{file, "/nonexistent"}, AcceptNew: true, Notify: func(host, message string) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, mask(host+": "+message))
	}}
	var all sync.WaitGroup
	const hosts = 8
	for range hosts { // many at once into one file
		s := remotetest.NewServer(t, remotetest.Options{})
		all.Go(func() {
			for range 2 {
				h, err := remote.Dial(t.Context(), s.Target(), opts)
				if err != nil {
					t.Error(err)
					return
				}
				_ = h.Close()
			}
		})
	}
	all.Wait()
	if want := "node: recorded the new host key of [HOST] in DIR/known_hosts: ssh-ed25519 SHA256:…"; len(told) != hosts || told[0] != want {
		t.Errorf("told %d times: %s", len(told), told[0])
	}
	data, _ := os.ReadFile(file)
	if n := strings.Count(string(data), "\n"); n != hosts {
		t.Errorf("%d lines", n)
	}
	for line := range strings.Lines(string(data)) {
		_, hosts, _, _, _, err := ssh.ParseKnownHosts([]byte(line))
		if err != nil || len(hosts) != 1 || !strings.HasPrefix(hosts[0], "|1|") {
			t.Errorf("%q: %v", line, err)
		}
	}
}
