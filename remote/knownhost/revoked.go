package knownhost

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/crypto/ssh"

	"github.com/kplb/kplb/remote/failure"
)

// krlMagic begins OpenSSH's binary lists of revoked keys (PROTOCOL.krl).
const krlMagic = "SSHKRL\n\x00"

// RevokedBy says whether RevokedHostKeys names a key. An error means that nobody
// can know, which for ssh is reason enough to refuse every key.
func RevokedBy(files []string, key ssh.PublicKey) (file string, err error) {
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return file, err
		}
		named := listsKey(data, key)
		if bytes.HasPrefix(data, []byte(krlMagic)) {
			if named, err = krlNames(file, key); err != nil {
				return file, err
			}
		}
		if named {
			return file, nil
		}
	}
	return "", nil
}

// listsKey looks for a key, or for the authority that has certified it, in a list
// of public keys, one a line.
func listsKey(data []byte, key ssh.PublicKey) bool {
	cert, isCert := key.(*ssh.Certificate)
	for line := range bytes.Lines(data) {
		listed, _, _, _, err := ssh.ParseAuthorizedKey(line)
		if err != nil {
			continue
		}
		if SameKey(PlainKey(listed), PlainKey(key)) || isCert && SameKey(PlainKey(listed), cert.SignatureKey) {
			return true
		}
	}
	return false
}

// PlainKey is the key in a certificate.
func PlainKey(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}

// krlNames leaves it to ssh-keygen to read a KRL.
func krlNames(file string, key ssh.PublicKey) (named bool, err error) {
	dir, err := os.MkdirTemp("", "kplb-host-key-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a public key
	shown := filepath.Join(dir, "key.pub")
	if err := os.WriteFile(shown, ssh.MarshalAuthorizedKey(key), 0o600); err != nil {
		return false, err
	}
	//nolint:noctx // it reads two files, and the library's callback has no context
	out, err := exec.Command("ssh-keygen", "-Q", "-f", file, shown).CombinedOutput()
	if err == nil {
		return false, nil
	}
	if bytes.Contains(out, []byte("REVOKED")) {
		return true, nil
	}
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return false, fmt.Errorf("ssh-keygen -Q: %s", failure.LastLines(failure.Clean(string(out))))
	}
	return false, err
}
