package remote_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/kplb/kplb/remote"
)

// client is pi's home, from which ssh and kplb log in, and what they log in to.
type client struct {
	t       *testing.T
	home    string
	node    *daemon // 127.0.0.1, 10.9.9.1 and fd00:9::1, port 2201; shows an ed25519 key, an ecdsa key and an rsa key
	bastion *daemon // port 2202; shows a certificate of ca, too
	keys    map[string]any
	host    map[string]string // public keys of the node and the bastion
}

// keyNames: a to l are ed25519, rsa and small (2048 bits) are RSA.
func newClient(t *testing.T) *client {
	t.Helper()
	c := &client{t: t, home: os.Getenv("KPLB_TEST_HOME"), keys: map[string]any{}, host: map[string]string{}}
	for name := range strings.SplitSeq("a b c d e f g h i j k l ca", " ") {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c.keys[name] = private
	}
	for name, bits := range map[string]int{"rsa": 3072, "small": 2048} {
		private, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		c.keys[name] = private
	}
	dir := t.TempDir()
	var lines strings.Builder
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		c.keygen("-q", "-t", kind, "-N", "", "-f", filepath.Join(dir, kind))
		c.host[kind] = strings.TrimSpace(c.read(filepath.Join(dir, kind+".pub")))
		fmt.Fprintf(&lines, "HostKey %s\n", filepath.Join(dir, kind))
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.pub"), []byte(c.public("ca")), 0o600); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&lines, "TrustedUserCAKeys %s/ca.pub\n", dir)
	c.node = startDaemon(t, 2201, lines.String())
	c.certify(filepath.Join(dir, "ed25519"))
	c.bastion = startDaemon(t, 2202, lines.String()+"HostCertificate "+filepath.Join(dir, "ed25519-cert.pub")+"\n")
	return c
}

// certify writes a certificate beside a host key.
func (c *client) certify(file string) {
	c.t.Helper()
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(c.read(file + ".pub")))
	if err != nil {
		c.t.Fatal(err)
	}
	cert := &ssh.Certificate{Key: key, CertType: ssh.HostCert, KeyId: "bastion", ValidPrincipals: []string{"127.0.0.1"}, ValidBefore: ssh.CertTimeInfinity}
	if err := errors.Join(cert.SignCert(rand.Reader, c.signer("ca")), os.WriteFile(file+"-cert.pub", ssh.MarshalAuthorizedKey(cert), 0o600)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) keygen(args ...string) {
	c.t.Helper()
	if out, err := exec.CommandContext(c.t.Context(), "ssh-keygen", args...).CombinedOutput(); err != nil {
		c.t.Fatalf("ssh-keygen %q: %v: %s", args, err, out)
	}
}

func (c *client) read(file string) string {
	c.t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(data)
}

func (c *client) signer(name string) ssh.Signer {
	c.t.Helper()
	signer, err := ssh.NewSignerFromKey(c.keys[name])
	if err != nil {
		c.t.Fatal(err)
	}
	return signer
}

func (c *client) public(name string) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(c.signer(name).PublicKey())))
}

// put writes a file under ~/.ssh.
func (c *client) put(name, text string, mode ...os.FileMode) {
	c.t.Helper()
	file := filepath.Join(c.home, ".ssh", name)
	perm := append(mode, 0o600)[0]
	err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), perm), os.Chmod(file, perm))
	if err != nil {
		c.t.Fatal(err)
	}
}

// private writes a key, public its public half, and cert a certificate of it.
func (c *client) private(file, name string, mode ...os.FileMode) {
	c.t.Helper()
	block, err := ssh.MarshalPrivateKey(c.keys[name], "")
	if err != nil {
		c.t.Fatal(err)
	}
	c.put(file, string(pem.EncodeToMemory(block)), mode...)
}

func (c *client) cert(file, name string) {
	c.t.Helper()
	cert := &ssh.Certificate{Key: c.signer(name).PublicKey(), CertType: ssh.UserCert, KeyId: "pi", ValidPrincipals: []string{"pi"}, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, c.signer("ca")); err != nil {
		c.t.Fatal(err)
	}
	c.put(file, string(ssh.MarshalAuthorizedKey(cert)))
}

// lets says which keys the node lets in.
func (c *client) lets(names ...string) {
	c.t.Helper()
	var lines strings.Builder
	for _, name := range names {
		lines.WriteString(c.public(name) + "\n")
	}
	c.node.write("authorized", lines.String())
	c.bastion.write("authorized", lines.String())
}

// agent holds keys for both.
func (c *client) agent(t *testing.T, names ...string) {
	t.Helper()
	keys := make([]any, 0, len(names))
	for _, name := range names {
		key := c.keys[name]
		if private, ok := key.(ed25519.PrivateKey); ok {
			key = &private
		}
		keys = append(keys, key)
	}
	t.Setenv("SSH_AUTH_SOCK", startAgent(t, keys...))
}

// known records host keys under names in a file.
func (c *client) known(file string, names string, kinds ...string) {
	c.t.Helper()
	var lines strings.Builder
	for _, kind := range kinds {
		lines.WriteString(names + " " + c.host[kind] + "\n")
	}
	c.put(file, lines.String())
}

// usualConfig is the node in ssh_config.
const usualConfig = `
Host *
 HostName 127.0.0.1
 Port 2201
 StrictHostKeyChecking yes
`

// usual has the node be known, and let key a in; config comes before the rest.
func (c *client) usual(config string) {
	c.t.Helper()
	c.put("config", config+usualConfig)
	c.known("known_hosts", "[127.0.0.1]:2201,[127.0.0.1]:2202,[10.9.9.1]:2201", "ed25519", "ecdsa", "rsa")
	c.lets("a")
}

// both has ssh log in, then kplb, and gives what the daemon has said of each.
func (c *client) both(ctx context.Context, at *daemon, host string) (ssh, kplb login) {
	c.t.Helper()
	ssh.decided, ssh.err = at.logins(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, "ssh", host, "true")
		cmd.WaitDelay = time.Second
		out, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		return err
	})
	kplb.decided, kplb.err = at.logins(ctx, func(ctx context.Context) error {
		h, err := remote.Dial(ctx, remote.Target{Host: host}, remote.Options{SSHConfig: true, ConnectTimeout: 5 * time.Second})
		if err == nil {
			err = h.Close()
		}
		return err
	})
	return ssh, kplb
}

// login is how one of them fared.
type login struct {
	decided []string
	err     error
}

// with is the line of the login that worked: who, whence and with which key.
func (l login) with() string {
	i := slices.IndexFunc(l.decided, func(line string) bool { return strings.HasPrefix(line, "Accepted") })
	if i < 0 {
		return ""
	}
	return l.decided[i]
}

func (l login) String() string { return fmt.Sprintf("%v, node: %q", l.err, l.decided) }

// likeCase is a configuration with which ssh and kplb have to do the same.
type likeCase struct {
	keyword string // of ssh_config(5) that it is about
	name    string
	prepare func(t *testing.T, c *client)
	host    string // default node
	bastion bool   // it is the bastion that they log in to
	in      bool   // they get in
	all     bool   // the node has to be offered the same keys, too, in the same order
}

// TestLikeSSH has ssh and kplb log in to a real sshd with the same files.
func TestLikeSSH(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	c := newClient(t)
	for _, tt := range slices.Concat(keyCases, trustCases, reachCases) {
		t.Run(tt.keyword+"/"+tt.name, func(t *testing.T) {
			if err := os.RemoveAll(filepath.Join(c.home, ".ssh")); err != nil {
				t.Fatal(err)
			}
			c.usual("")
			tt.prepare(t, c)
			host := tt.host
			if host == "" {
				host = "node"
			}
			at := c.node
			if tt.bastion {
				at = c.bastion
			}
			ssh, kplb := c.both(t.Context(), at, host)
			if (ssh.err == nil) != tt.in || (kplb.err == nil) != tt.in || ssh.with() != kplb.with() {
				t.Errorf("should get in: %v\nssh  %s\nkplb %s %s", tt.in, ssh, kplb, remote.Hint(kplb.err))
			}
			if tt.all && !slices.Equal(ssh.decided, kplb.decided) {
				t.Errorf("other keys were offered\nssh  %q\nkplb %q", ssh.decided, kplb.decided)
			}
			if tt.in && ssh.with() == "" {
				t.Errorf("the daemon says nothing of a login: %s", at.said())
			}
		})
	}
}
