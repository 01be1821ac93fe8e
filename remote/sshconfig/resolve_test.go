package sshconfig_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/kplb/kplb/remote/failure"
	"github.com/kplb/kplb/remote/sshconfig"
)

// route writes a chain as name=user@host:port, first hop first.
func route(hops []sshconfig.Hop) string {
	parts := make([]string, 0, len(hops))
	for _, h := range hops {
		parts = append(parts, fmt.Sprintf("%s=%s@%s", h.Name, h.User, h.Addr()))
	}
	return strings.Join(parts, " ")
}

// TestResolveWithoutFiles: what a Target leaves open is what ssh takes where no file says anything.
func TestResolveWithoutFiles(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("SSH_AUTH_SOCK", "/run/agent")
	hops, err := sshconfig.Resolve(t.Context(), sshconfig.Target{Host: "node1", User: "admin"}, sshconfig.Source{})
	if err != nil {
		t.Fatal(err)
	}
	h := hops[0]
	if got, want := route(hops), "node1=admin@node1:22"; got != want {
		t.Errorf("reached by %q, want %q", got, want)
	}
	usual := []string{filepath.Join(home, ".ssh/id_ed25519"), filepath.Join(home, ".ssh/id_ecdsa"), filepath.Join(home, ".ssh/id_rsa")}
	if !slices.Equal(h.Usual, usual) || len(h.Identities) != 0 || h.Agent != "/run/agent" {
		t.Errorf("keys %q, %q and of %q", h.Identities, h.Usual, h.Agent)
	}
	own := filepath.Join(home, ".ssh/known_hosts")
	if want := []string{own, "/etc/ssh/ssh_known_hosts"}; !slices.Equal(h.KnownHosts, want) || h.RecordIn != own {
		t.Errorf("trusts %q and records in %q", h.KnownHosts, h.RecordIn)
	}
	if len(h.Algorithms.KeyExchanges) == 0 || len(h.Algorithms.Ciphers) == 0 || h.Algorithms.HostKeys[0] != ssh.CertAlgoED25519v01 {
		t.Errorf("algorithms %+v", h.Algorithms)
	}
	if !h.May(sshconfig.MethodPassword) || h.Attempts() != 3 {
		t.Errorf("a person may answer: %t, %d times", h.May(sshconfig.MethodPassword), h.Attempts())
	}
}

// TestResolveChain: jumps come first and in their order; each is offered the Target's keys.
func TestResolveChain(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	for _, test := range []struct {
		jumps []string
		want  string
	}{
		{nil, "n=me@n:22"},
		{[]string{"root@gate:2222", "ssh://in@[fd00::1]:22/"}, "root@gate:2222=root@gate:2222 ssh://in@[fd00::1]:22/=in@[fd00::1]:22 n=me@n:22"},
	} {
		hops, err := sshconfig.Resolve(t.Context(), sshconfig.Target{Host: "n", User: "me", IdentityFiles: []string{"/k"}, ProxyJump: test.jumps}, sshconfig.Source{})
		if err != nil || route(hops) != test.want {
			t.Errorf("%q: %q, %v, want %q", test.jumps, route(hops), err, test.want)
		}
		for _, h := range hops {
			if !slices.Equal(h.Identities, []string{"/k"}) {
				t.Errorf("%s is offered %q", h.Name, h.Identities)
			}
		}
	}
}

// TestResolveRefuses: nothing that ssh or a resolver could take for something else is let through.
func TestResolveRefuses(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	nine := slices.Repeat([]string{"j"}, 9)
	for _, test := range []struct {
		target sshconfig.Target
		want   string
	}{
		{sshconfig.Target{Host: "-oProxyCommand=x"}, `"-oProxyCommand=x" is neither a host name nor an IP address`},
		{sshconfig.Target{Host: "n", User: "a;b"}, `"a;b" is not a user name`},
		{sshconfig.Target{Host: "n", User: "me", ProxyJump: []string{"@gate"}}, `jump host "@gate" has an empty user`},
		{sshconfig.Target{Host: "n", User: "me", ProxyJump: []string{"gate:0"}}, `jump host "gate:0" has no port between 1 and 65535`},
		{sshconfig.Target{Host: "n", User: "me", ProxyJump: nine}, `more than 8 jump hosts`},
	} {
		_, err := sshconfig.Resolve(t.Context(), test.target, sshconfig.Source{})
		if !errors.Is(err, failure.ErrTarget) || !strings.HasSuffix(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %s", test.target, err, test.want)
		}
	}
}

// TestResolveAsks: what a file says fills the gaps of a Target, and wins over nothing that it says itself.
func TestResolveAsks(t *testing.T) {
	file := config(t, "Host n\n HostName 192.0.2.7\n Port 2200\n User op\n Ciphers aes256-ctr\n PasswordAuthentication no\n")
	hops, err := sshconfig.Resolve(t.Context(), sshconfig.Target{Host: "n", User: "me"}, sshconfig.Source{File: file})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := route(hops), "n=me@192.0.2.7:2200"; got != want {
		t.Errorf("reached by %q, want %q", got, want)
	}
	if h := hops[0]; h.May(sshconfig.MethodPassword) || !h.May(sshconfig.MethodQuestion) || !slices.Equal(h.Algorithms.Ciphers, []string{"aes256-ctr"}) {
		t.Errorf("withheld %q, ciphers %q", h.Withheld, h.Algorithms.Ciphers)
	}
}

// TestResolveHints: what a file asks for and we cannot do is refused by name, with what to do instead.
func TestResolveHints(t *testing.T) {
	file := config(t, "PubkeyAuthentication no\n")
	_, err := sshconfig.Resolve(t.Context(), sshconfig.Target{Host: "n"}, sshconfig.Source{File: file})
	if want := "ssh_config gives it PubkeyAuthentication false, which kplb does not do"; !errors.Is(err, failure.ErrTarget) || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	if got, want := sshconfig.Hint(err), "kplb logs in with keys: PubkeyAuthentication yes"; got != want {
		t.Errorf("hint %q, want %q", got, want)
	}
	if got := sshconfig.Hint(errors.New("other")); got != "" {
		t.Errorf("hint %q for what is not ours", got)
	}
}

// TestResolveIsInterrupted: a context that is done ends it with the context's own error.
func TestResolveIsInterrupted(t *testing.T) {
	file := config(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sshconfig.Resolve(ctx, sshconfig.Target{Host: "n"}, sshconfig.Source{File: file}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// config is a file of ssh_config, which ssh itself has to read.
func config(t *testing.T, text string) string {
	t.Helper()
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip(err)
	}
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
