package remotetest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

// keys are the server's and its clients', and the files that clients have of them.
type keys struct {
	tb   testing.TB
	dir  string
	port uint16 // of the server

	mu   sync.Mutex
	host []ssh.Signer
}

// NewKey makes an ed25519 key.
func NewKey(tb testing.TB) ssh.Signer {
	tb.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		tb.Fatal(err)
	}
	return signer
}

// newClientKey writes the key that clients log in with, and returns its public half.
func (k *keys) newClientKey() ssh.PublicKey {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		k.tb.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		k.tb.Fatal(err)
	}
	if err := os.WriteFile(k.path("id"), pem.EncodeToMemory(block), 0o600); err != nil {
		k.tb.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		k.tb.Fatal(err)
	}
	return key
}

func (k *keys) path(name string) string { return filepath.Join(k.dir, name) }

// KnownHosts names the file that records the server's host keys.
func (k *keys) KnownHosts() string { return k.path("known_hosts") }

// WriteKnownHosts records the host keys that the server has now.
func (k *keys) WriteKnownHosts() {
	var lines []byte
	for _, key := range k.hostKeys() {
		lines = fmt.Appendf(lines, "[127.0.0.1]:%d %s", k.port, ssh.MarshalAuthorizedKey(key.PublicKey()))
	}
	if err := os.WriteFile(k.KnownHosts(), lines, 0o600); err != nil {
		k.tb.Fatal(err)
	}
}

// SetHostKeys changes the keys for connections to come; known_hosts keeps the old ones.
func (k *keys) SetHostKeys(keys ...ssh.Signer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.host = keys
}

// hostKeys are those that the server has now.
func (k *keys) hostKeys() []ssh.Signer {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.host)
}
