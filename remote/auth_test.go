package remote_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/remote/remotetest"
)

// encryptedKey is made with one round of bcrypt (ssh-keygen -a 1): more would take seconds under the race detector.
func encryptedKey(t *testing.T) (string, ssh.PublicKey) {
	t.Helper()
	data, err := os.ReadFile("testdata/encrypted.pub")
	if err != nil {
		t.Fatal(err)
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(data)
	if err != nil {
		t.Fatal(err)
	}
	private, err := os.ReadFile("testdata/encrypted")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "encrypted") // in the repository, others may read it
	if err := os.WriteFile(file, private, 0o600); err != nil {
		t.Fatal(err)
	}
	return file, public
}

// keyFile writes a private key and gives its file and public half.
func keyFile(t *testing.T, private any) (string, ssh.PublicKey) {
	t.Helper()
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, signer.PublicKey()
}

func newPrivate(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

func TestKeyTypes(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	ec, err1 := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	r, err2 := rsa.GenerateKey(rand.Reader, 2048)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	for name, private := range map[string]any{"ed25519": newPrivate(t), "ecdsa": ec, "rsa": r} {
		file, public := keyFile(t, private)
		s := remotetest.NewServer(t, remotetest.Options{AuthorizedKeys: []ssh.PublicKey{public}})
		target := s.Target()
		target.IdentityFiles = []string{file}
		if _, err := remote.Dial(t.Context(), target, s.Options()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUserCertificate(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	ca := remotetest.NewKey(t)
	file, public := keyFile(t, newPrivate(t))
	cert := &ssh.Certificate{Key: public, CertType: ssh.UserCert, ValidPrincipals: []string{"root"}, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file+"-cert.pub", ssh.MarshalAuthorizedKey(cert), 0o600); err != nil {
		t.Fatal(err)
	}
	checker := ssh.CertChecker{IsUserAuthority: func(key ssh.PublicKey) bool { return bytes.Equal(key.Marshal(), ca.PublicKey().Marshal()) }}
	s := remotetest.NewServer(t, remotetest.Options{Config: func(c *ssh.ServerConfig) { c.PublicKeyCallback = checker.Authenticate }})
	target := s.Target()
	target.IdentityFiles = []string{file}
	if _, err := remote.Dial(t.Context(), target, s.Options()); err != nil {
		t.Error(err)
	}
}

func TestEncryptedKey(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	file, public := oldKeyFile(t, "correct horse")
	newFile, newPublic := encryptedKey(t)
	if err := os.WriteFile(file+".pub", ssh.MarshalAuthorizedKey(public), 0o600); err != nil {
		t.Fatal(err)
	}
	s := remotetest.NewServer(t, remotetest.Options{AuthorizedKeys: []ssh.PublicKey{public, newPublic}})
	other := remotetest.NewServer(t, remotetest.Options{})
	target := s.Target()
	target.IdentityFiles = []string{file}
	var asked atomic.Int32
	answer := func(word string) func(context.Context, string) ([]byte, error) {
		return func(_ context.Context, name string) ([]byte, error) {
			asked.Add(1)
			if name != file && name != newFile {
				t.Errorf("asked for %s", name)
			}
			return []byte(word), nil
		}
	}
	tests := []struct {
		name  string
		ask   func(context.Context, string) ([]byte, error)
		asked int32
		want  string
	}{
		{"nobody to ask", nil, 0, "node (HOST): login was refused as root: no key was offered; skipped DIR/key (it is encrypted and its passphrase cannot be asked for)"},
		{"right", answer("correct horse"), 1, ""},
		{"new format", answer("correct horse"), 1, ""},
		{"wrong", answer("battery"), 1, "node (HOST): login was refused as root: the key could not sign: DIR/key: wrong passphrase"},
		{"person gives up", func(context.Context, string) ([]byte, error) { return nil, errors.New("no terminal") }, 0,
			"node (HOST): login was refused as root: the key could not sign: DIR/key: no terminal"},
		{"slow person", func(ctx context.Context, name string) ([]byte, error) {
			time.Sleep(400 * time.Millisecond)
			return answer("correct horse")(ctx, name)
		}, 1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			asked.Store(0)
			opts, target := s.Options(), target
			if tt.name == "new format" {
				target.IdentityFiles = []string{newFile}
			}
			opts.Passphrase, opts.ConnectTimeout = tt.ask, 300*time.Millisecond
			h, err := remote.Dial(t.Context(), target, opts)
			if err == nil {
				_ = h.Close()
			}
			if got := errText(err); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if asked.Load() != tt.asked {
				t.Errorf("asked %d times", asked.Load())
			}
		})
	}
	// A host that would not take the key is no reason to ask.
	asked.Store(0)
	target = other.Target()
	target.IdentityFiles = []string{file}
	opts := other.Options()
	opts.Passphrase = answer("correct horse")
	if _, err := remote.Dial(t.Context(), target, opts); !errors.Is(err, remote.ErrAuth) || asked.Load() != 0 {
		t.Errorf("asked %d times, %v", asked.Load(), err)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return mask(err.Error())
}

// oldKeyFile encrypts as before OpenSSH 7.8, without a public half and without bcrypt's time.
func oldKeyFile(t *testing.T, passphrase string) (string, ssh.PublicKey) {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	block, err := x509.EncryptPEMBlock(rand.Reader, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r), []byte(passphrase), x509.PEMCipherAES256) //nolint:staticcheck // people have them
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(r)
	if err != nil {
		t.Fatal(err)
	}
	return file, signer.PublicKey()
}

func TestOldEncryptedKey(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	file, public := oldKeyFile(t, "word")
	s := remotetest.NewServer(t, remotetest.Options{AuthorizedKeys: []ssh.PublicKey{public}})
	target, opts := s.Target(), s.Options()
	target.IdentityFiles = []string{file}
	opts.Passphrase = func(context.Context, string) ([]byte, error) { return []byte("word"), nil }
	_, err := remote.Dial(t.Context(), target, opts)
	if err == nil || !strings.Contains(err.Error(), "put its public key beside it: ssh-keygen -y -f "+file) {
		t.Errorf("err = %v", err)
	}
	if err := os.WriteFile(file+".pub", ssh.MarshalAuthorizedKey(public), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Dial(t.Context(), target, opts); err != nil {
		t.Error(err)
	}
}

func TestCachePassphrases(t *testing.T) {
	file, _ := oldKeyFile(t, "word")
	var asked atomic.Int32
	answers := []string{"wrong", "word", "never asked again"}
	ask := remote.CachePassphrases(func(context.Context, string) ([]byte, error) {
		return []byte(answers[asked.Add(1)-1]), nil
	})
	for range 3 {
		if got, err := ask(t.Context(), file); err != nil || string(got) != "word" {
			t.Errorf("%q, %v", got, err)
		}
	}
	ask = remote.CachePassphrases(func(context.Context, string) ([]byte, error) { return []byte("wrong"), nil })
	if _, err := ask(t.Context(), file); err == nil || err.Error() != "three wrong passphrases" {
		t.Error(err)
	}
}

// startAgent runs an agent that holds keys, and gives its socket.
func startAgent(t *testing.T, keys ...any) string {
	t.Helper()
	ring := agent.NewKeyring()
	for _, key := range keys {
		if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
			t.Fatal(err)
		}
	}
	return listenUnix(t, func(c net.Conn) { _ = agent.ServeAgent(ring, c) })
}

func listenUnix(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent") // t.TempDir is too long a path for a socket
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(); _ = os.RemoveAll(dir) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { serve(c); _ = c.Close() }()
		}
	}()
	return socket
}

func TestAgent(t *testing.T) {
	encrypted, public := encryptedKey(t)
	data, err := os.ReadFile(encrypted)
	if err != nil {
		t.Fatal(err)
	}
	private, err := ssh.ParseRawPrivateKeyWithPassphrase(data, []byte("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	s := remotetest.NewServer(t, remotetest.Options{AuthorizedKeys: []ssh.PublicKey{public}})
	stranger := newPrivate(t)
	t.Run("holds the key", func(t *testing.T) {
		t.Setenv("SSH_AUTH_SOCK", startAgent(t, stranger, private))
		target := s.Target()
		target.IdentityFiles = nil
		if _, err := remote.Dial(t.Context(), target, s.Options()); err != nil {
			t.Error(err)
		}
	})
	t.Run("opens an encrypted file", func(t *testing.T) {
		t.Setenv("SSH_AUTH_SOCK", startAgent(t, stranger, private))
		target := s.Target()
		target.IdentityFiles = []string{encrypted}
		if _, err := remote.Dial(t.Context(), target, s.Options()); err != nil {
			t.Error(err)
		}
	})
	t.Run("holds another key", func(t *testing.T) {
		t.Setenv("SSH_AUTH_SOCK", startAgent(t, stranger))
		target := s.Target()
		target.IdentityFiles = []string{"/tmp/x/none"}
		_, err := remote.Dial(t.Context(), target, s.Options())
		if got, want := errText(err), "node (HOST): login was refused as root: tried agent key SHA256:…; skipped DIR/none (no such file or directory)"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
	t.Run("gone", func(t *testing.T) {
		t.Setenv("SSH_AUTH_SOCK", "/tmp/x/socket")
		if _, err := remote.Dial(t.Context(), s.Target(), s.Options()); err != nil {
			t.Error(err)
		}
		target := s.Target()
		target.IdentityFiles = []string{"/tmp/x/none"}
		_, err := remote.Dial(t.Context(), target, s.Options())
		if got, want := errText(err), "node (HOST): login was refused as root: no key was offered; skipped ssh-agent (it is gone: no such file or directory), DIR/none (no such file or directory)"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
	t.Run("hangs when it signs", func(t *testing.T) {
		// A token that waits for a finger: only the caller ends that.
		ring := agent.NewKeyring()
		if err := ring.Add(agent.AddedKey{PrivateKey: private}); err != nil {
			t.Fatal(err)
		}
		t.Setenv("SSH_AUTH_SOCK", listenUnix(t, func(c net.Conn) { _ = agent.ServeAgent(stuck{ring, t.Context()}, c) }))
		target := s.Target()
		target.IdentityFiles = nil
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		opts := s.Options()
		opts.ConnectTimeout = time.Second
		start := time.Now()
		_, err := remote.Dial(ctx, target, opts)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("err = %v", err)
		}
		if took := time.Since(start); took > 20*time.Second || took < 2*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

// stuck is an agent that never signs.
type stuck struct {
	agent.Agent
	ctx context.Context
}

func (s stuck) Sign(ssh.PublicKey, []byte) (*ssh.Signature, error) {
	<-s.ctx.Done()
	return nil, s.ctx.Err()
}
