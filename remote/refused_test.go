package remote_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/remote/remotetest"
	"github.com/kplb/kplb/remote/sshconfig"
)

// configFor writes an ssh_config for a server.
func configFor(t *testing.T, s *remotetest.Server, more string) remote.Options {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf("%s\nHost *\n HostName 127.0.0.1\n Port %d\n User root\n IdentityFile %s\n UserKnownHostsFile %s\n", more, s.Port(), s.Target().IdentityFiles[0], s.KnownHosts())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return remote.Options{SSHConfigFile: file, ConnectTimeout: 5 * time.Second}
}

// TestRefusedKeywords has each keyword that is refused be refused by name, with what
// to do instead.
func TestRefusedKeywords(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	s := remotetest.NewServer(t, remotetest.Options{})
	const does = "node: cannot be used as an SSH target: ssh_config gives it %s, which kplb does not do"
	tests := []struct{ config, want, hint string }{
		{"BindInterface lo", fmt.Sprintf(does, "BindInterface lo"), "give the interface's address: BindAddress"},
		{"KnownHostsCommand /bin/echo %H", fmt.Sprintf(does, "KnownHostsCommand /bin/echo %H"), "write what the command prints into a file: UserKnownHostsFile, or --known-hosts FILE"},
		{"PKCS11Provider /lib/token.so", fmt.Sprintf(does, "PKCS11Provider /lib/token.so"), "let ssh-agent use the token, ssh-add -s PROVIDER, and set PKCS11Provider none"},
		{"PreferredAuthentications password,keyboard-interactive", fmt.Sprintf(does, "PreferredAuthentications password,keyboard-interactive"), "kplb logs in with keys: add publickey"},
		{"ProxyCommand false\nProxyUseFdpass yes", fmt.Sprintf(does, "ProxyUseFdpass yes"), "use a ProxyCommand that carries the data itself, and ProxyUseFdpass no"},
		{"PubkeyAuthentication no", fmt.Sprintf(does, "PubkeyAuthentication false"), "kplb logs in with keys: PubkeyAuthentication yes"},
		// What is done, with a value that cannot be.
		{"UserKnownHostsFile known hosts", "node: cannot be used as an SSH target: ssh_config gives it UserKnownHostsFile known hosts, which is not clear", "write every path in full, from / on"},
		{"UserKnownHostsFile /dev/null hosts", "node: cannot be used as an SSH target: ssh_config gives it UserKnownHostsFile /dev/null hosts, which is not clear", "write every path in full, from / on"},
		{"KexAlgorithms sntrup761x25519-sha512@openssh.com", "node: cannot be used as an SSH target: ssh_config gives it KexAlgorithms sntrup761x25519-sha512@openssh.com, of which kplb knows none", "add mlkem768x25519-sha256"},
		{"MACs umac-64@openssh.com", "node: cannot be used as an SSH target: ssh_config gives it MACs umac-64@openssh.com, of which kplb knows none", "add hmac-sha2-256-etm@openssh.com"},
		{"ProxyCommand nc %z", "node: cannot be used as an SSH target: ssh_config gives it a ProxyCommand or ProxyJump with %z, which means nothing there", ""},
		{"ProxyCommand nc %", "node: cannot be used as an SSH target: ssh_config gives it a ProxyCommand or ProxyJump that ends in %", ""},
	}
	names := map[string]bool{}
	for _, tt := range tests {
		names[strings.ToLower(strings.Fields(tt.config)[0])] = true
		_, err := remote.Dial(t.Context(), remote.Target{Host: "node"}, configFor(t, s, "Host *\n"+tt.config))
		if !errors.Is(err, remote.ErrTarget) || errText(err) != tt.want || remote.Hint(err) != tt.hint {
			t.Errorf("%s\n got  %s\n      %s\n want %s\n      %s", tt.config, errText(err), remote.Hint(err), tt.want, tt.hint)
		}
	}
	names["proxyusefdpass"] = true
	for name, treatment := range sshconfig.Keywords() {
		if treatment == "refused" && !names[strings.ToLower(name)] {
			t.Errorf("%s is refused, and no case is about it", name)
		}
	}
}

// TestHarmlessKeywords writes every keyword that is called harmless, with a value
// that is not its default: none of them keeps anybody out.
func TestHarmlessKeywords(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	s := remotetest.NewServer(t, remotetest.Options{})
	values := map[string]string{
		"AddKeysToAgent": "confirm", "ChannelTimeout": "session:*=1s", "ConnectTimeout": "1", "ConnectionAttempts": "3", "ControlMaster": "auto",
		"ControlPath": "/tmp/%C", "ControlPersist": "10", "DynamicForward": "1080", "EscapeChar": "none", "FingerprintHash": "md5",
		"ForwardX11Timeout": "3", "GSSAPIClientIdentity": "pi", "GSSAPIServerIdentity": "pi", "GSSAPIKexAlgorithms": "gss-group14-sha256-",
		"HostbasedAcceptedAlgorithms": "ssh-ed25519", "IPQoS": "none", "KbdInteractiveDevices": "pam", "LocalCommand": "false", "LocalForward": "1 a:1",
		"LogLevel": "DEBUG3", "LogVerbose": "*", "NumberOfPasswordPrompts": "1", "ObscureKeystrokeTiming": "no", "PermitRemoteOpen": "none",
		"RekeyLimit": "1G", "RemoteCommand": "false", "RemoteForward": "1 a:1", "RequestTTY": "force", "SecurityKeyProvider": "/x", "SendEnv": "X",
		"ServerAliveCountMax": "1", "ServerAliveInterval": "1", "SessionType": "none", "SetEnv": "A=b", "StreamLocalBindMask": "0", "StrictHostKeyChecking": "no",
		"SyslogFacility": "AUTH", "TunnelDevice": "1:1", "VersionAddendum": "x", "XAuthLocation": "/x", "CompressionLevel": "9", "VerifyHostKeyDNS": "ask",
	}
	var config strings.Builder
	config.WriteString("Host *\n")
	for name, treatment := range sshconfig.Keywords() {
		if treatment != "harmless" {
			continue
		}
		value := values[name]
		if value == "" {
			value = "yes"
			if out, _ := exec.CommandContext(t.Context(), "ssh", "-G", "-F", "none", "x").Output(); strings.Contains(string(out), "\n"+strings.ToLower(name)+" yes\n") {
				value = "no"
			}
		}
		if knows(t, name, value) {
			config.WriteString(" " + name + " " + value + "\n")
		}
	}
	if n := strings.Count(config.String(), "\n"); n < 50 {
		t.Errorf("ssh knows %d of them", n)
	}
	h, err := remote.Dial(t.Context(), remote.Target{Host: "node"}, configFor(t, s, config.String()))
	if err != nil {
		t.Fatal(err, remote.Hint(err))
	}
	_ = h.Close()
}

// knows says whether the ssh that is here knows a keyword.
func knows(t *testing.T, name, value string) bool {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ssh", "-G", "-N", "-F", "none", "-o", name+"="+value, "x").CombinedOutput()
	text := strings.ToLower(string(out))
	if strings.Contains(text, "bad configuration option") || strings.Contains(text, "unsupported option") {
		return false
	}
	if err != nil {
		t.Errorf("%s %s: %s", name, value, out)
	}
	return true
}

func TestSSHIsMissing(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("PATH", home)
	s := remotetest.NewServer(t, remotetest.Options{})
	opts := s.Options()
	opts.SSHConfig = true
	if _, err := os.Stat("/etc/ssh/ssh_config"); err != nil {
		if _, err := remote.Dial(t.Context(), s.Target(), opts); err != nil {
			t.Errorf("there is no ssh_config: %v", err)
		}
	}
	if err := errors.Join(os.Mkdir(filepath.Join(home, ".ssh"), 0o700), os.WriteFile(filepath.Join(home, ".ssh", "config"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	_, err := remote.Dial(t.Context(), s.Target(), opts)
	want, hint := "node: cannot be used as an SSH target: DIR/config is there, and no ssh in PATH to read it", "install OpenSSH's client (openssh-client), or do without the file: --ssh-config none"
	if !errors.Is(err, remote.ErrTarget) || errText(err) != want || remote.Hint(err) != hint {
		t.Errorf("got  %s\nwant %s\n%s", errText(err), want, remote.Hint(err))
	}
	opts.SSHConfig = false
	if _, err := remote.Dial(t.Context(), s.Target(), opts); err != nil {
		t.Errorf("nobody asks for it: %v", err)
	}
}

// TestUnknownKeyword has an ssh print what we have never heard of.
func TestUnknownKeyword(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	s := remotetest.NewServer(t, remotetest.Options{})
	openssh, err := exec.LookPath("ssh")
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	script := "#!/bin/sh\n" + openssh + " \"$@\" || exit\ncase $* in *none*) echo trusteveryone no;; *) echo trusteveryone yes; echo newthing same;; esac\n" +
		"case $* in *none*) echo newthing same;; esac\n"
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	_, err = remote.Dial(t.Context(), remote.Target{Host: "node"}, configFor(t, s, ""))
	if want := "node: cannot be used as an SSH target: ssh_config gives it trusteveryone yes, which kplb does not do"; errText(err) != want || remote.Hint(err) != "update kplb, or do without the file: --ssh-config none" {
		t.Errorf("got  %s\nwant %s\n%s", errText(err), want, remote.Hint(err))
	}
}

// TestSkippedKeys has each file that cannot be used say why.
func TestSkippedKeys(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.Options{Faults: remotetest.Faults{RefuseAuth: true}})
	dir := t.TempDir()
	key, public := keyFile(t, newPrivate(t))
	private, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	line := ssh.MarshalAuthorizedKey(public)
	for name, data := range map[string][]byte{"open": private, "key.pub": line, "named.pub": line, "sk.pub": []byte(securityKey), "sk": []byte(securityKeyPrivate)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "open"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ file, agent, want string }{
		{"open", "", "no key was offered; skipped DIR/open (others may read it, its mode is 0644, so ssh does not use it: chmod 600 DIR/open)"},
		{"named.pub", "", "no key was offered; skipped DIR/named.pub (it is a public key, and ssh-agent does not hold its private half)"},
		{"key", "", "no key was offered; skipped DIR/key (no such file or directory; ssh-agent does not hold the key of DIR/key.pub)"},
		{"sk", "", "no key was offered; skipped DIR/sk (its key is on a security key, which ssh-agent has to use: ssh-add DIR/sk)"},
	} {
		t.Setenv("SSH_AUTH_SOCK", tt.agent)
		target := s.Target()
		target.IdentityFiles = []string{filepath.Join(dir, tt.file)}
		_, err := remote.Dial(t.Context(), target, s.Options())
		if got, want := errText(err), "node (HOST): login was refused as root: "+tt.want; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// A key that ssh-keygen -t ed25519-sk has made, in form: nobody has its token.
const (
	securityKey        = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQAAAABHNzaDo= x\n"
	securityKeyPrivate = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"
)

// TestBadKnownHostsFiles has nothing be written in places that nobody has named.
func TestBadKnownHostsFiles(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	s := remotetest.NewServer(t, remotetest.Options{})
	dir := t.TempDir()
	t.Chdir(dir)
	pipe := filepath.Join(dir, "pipe")
	if out, err := exec.CommandContext(t.Context(), "mkfifo", pipe).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	key, err := remote.ScanHostKey(t.Context(), s.Target(), remote.Options{KnownHosts: []string{"/nonexistent"}})
	if err != nil {
		t.Fatal(err)
	}
	const cannot = "the known_hosts file cannot be read or kept: "
	for file, want := range map[string]string{
		"":                  cannot + "ssh_config's UserKnownHostsFile is none",
		"/dev/null":         cannot + "/dev/null is a device or a pipe, which keeps nothing",
		pipe:                cannot + "DIR/pipe is a device or a pipe, which keeps nothing",
		dir:                 cannot + "DIR/002 is a directory",
		"~somebody/.ssh/kh": cannot + "~somebody/.ssh/kh is not a path: only ~/ is expanded",
	} {
		if err := remote.Trust(file, key); !errors.Is(err, remote.ErrKnownHosts) || errText(err) != want {
			t.Errorf("%s\n got  %s\n want %s", file, errText(err), want)
		}
	}
	hint := "compare the fingerprint with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there), then record it: kplb trust --known-hosts FILE, with the same FILE from then on "
	for config, want := range map[string]string{
		"UserKnownHostsFile /dev/null": hint + "(/dev/null is a device or a pipe, which keeps nothing)",
		"UserKnownHostsFile none":      hint + "(ssh_config's UserKnownHostsFile is none)",
	} {
		opts := configFor(t, s, "Host *\n"+config)
		if _, err := remote.Dial(t.Context(), remote.Target{Host: "node"}, opts); !errors.Is(err, remote.ErrHostKeyUnknown) || remote.Hint(err) != want {
			t.Errorf("%s\n got  %s\n want %s", config, remote.Hint(err), want)
		}
		opts.AcceptNew = true
		if _, err := remote.Dial(t.Context(), remote.Target{Host: "node"}, opts); !errors.Is(err, remote.ErrKnownHosts) {
			t.Errorf("%s, and new keys are accepted: %v", config, err)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
}
