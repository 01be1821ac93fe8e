package remote

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // the length of the salt
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// errScanned ends a handshake that has shown its key.
var errScanned = errors.New("host key seen")

// ScanHostKey fetches the key that a host shows, without logging in to it (jump hosts are logged in to), and says what
// is known about it. It shows the one key that Dial would check. Errors are those of Dial but for the ErrHostKey ones of
// the host itself, which are the State here.
func ScanHostKey(ctx context.Context, t Target, o Options) (HostKey, error) {
	h, last, err := dialJumps(ctx, t, o)
	if err != nil {
		return HostKey{}, err
	}
	defer h.Close() //nolint:errcheck // nothing was written
	g := h.strictGate(last)
	_, err = h.login(ctx, last, &scan{g})
	if g.key.key != nil {
		return g.key, nil
	}
	return HostKey{}, err
}

// scan is a gate that never opens.
type scan struct{ *gate }

func (s *scan) check(hostname string, addr netAddr, key ssh.PublicKey) error {
	_ = s.gate.check(hostname, addr, key)
	s.err = errScanned
	return errScanned
}

// Trust records keys in a known_hosts file, each under its hashed host name, whatever was known of them before; only a key that is
// already there is not written again. The file is made with mode 0600 (its directory with 0700) if it is missing; one write, under
// flock and followed by fsync, adds all keys or none. It gives up with ErrKnownHosts when the file stays locked for 5 s.
func Trust(file string, keys ...HostKey) error {
	return record(file, keys, false)
}

// record is Trust; onlyNew refuses hosts of which another key is known by now: two may meet an unknown host at once.
func record(file string, keys []HostKey, onlyNew bool) (err error) {
	if err := CanRecord(file); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("%w: %w", ErrKnownHosts, err)
	}
	f, err := os.OpenFile(file, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKnownHosts, err)
	}
	defer func() {
		if closeErr := f.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("%w: %w", ErrKnownHosts, closeErr)
		}
	}()
	if err := lock(f, 5*time.Second); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrKnownHosts, file, err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKnownHosts, err)
	}
	lines, err := newLines(data, keys, onlyNew)
	if err != nil || len(lines) == 0 {
		return err
	}
	if _, err := f.Write(lines); err != nil {
		return fmt.Errorf("%w: %w", ErrKnownHosts, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("%w: %w", ErrKnownHosts, err)
	}
	return nil
}

// CanRecord says with ErrKnownHosts why Trust could not record keys in a file: it is
// no file, or its name is no path. Nothing is made of such a name.
func CanRecord(file string) error {
	if err := keepsKeys(file); err != nil {
		return fmt.Errorf("%w: %w", ErrKnownHosts, err)
	}
	return nil
}

// keepsKeys is CanRecord for a text that says what it is about.
func keepsKeys(file string) error {
	if file == "" {
		return errors.New("ssh_config's UserKnownHostsFile is none")
	}
	if strings.HasPrefix(file, "~") {
		return fmt.Errorf("%s is not a path: only ~/ is expanded", file)
	}
	switch info, err := os.Stat(file); {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s is a directory", file)
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("%s is a device or a pipe, which keeps nothing", file)
	}
	return nil // most likely, it is not there and can be made
}

// newLines gives what has to be added to a file that holds data.
func newLines(data []byte, keys []HostKey, onlyNew bool) ([]byte, error) {
	var known knownHosts
	known.parse("", data)
	var b bytes.Buffer
	for _, key := range keys {
		switch state, _ := known.state(key.Host, key.key); {
		case state == KeyKnown:
			continue
		case onlyNew && state != KeyUnknown:
			return nil, fmt.Errorf("%w: another process recorded a different one just now", ErrHostKeyChanged)
		}
		salt := make([]byte, sha1.Size)
		_, _ = rand.Read(salt) // never fails
		line := fmt.Sprintf("%s %s %s\n", hashHost(salt, key.Host), key.key.Type(), base64.StdEncoding.EncodeToString(key.key.Marshal()))
		known.parse("", []byte(line))
		b.WriteString(line)
	}
	if b.Len() > 0 && len(data) > 0 && data[len(data)-1] != '\n' {
		return append([]byte("\n"), b.Bytes()...), nil
	}
	return b.Bytes(), nil
}

func lock(f *os.File, patience time.Duration) error {
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return err
		}
		if time.Now().After(end) {
			return errors.New("locked by another process")
		}
	}
}
