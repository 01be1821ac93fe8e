package knownhost

import (
	"bytes"
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

	"github.com/kplb/kplb/remote/failure"
)

// Record adds keys to a file, each under its hashed host name, see remote.Trust. onlyNew refuses hosts of which another key is known by now: two may meet an unknown host at once.
func Record(file string, keys []failure.HostKey, onlyNew bool) (err error) {
	if err := CanRecord(file); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("%w: %w", failure.ErrKnownHosts, err)
	}
	f, err := os.OpenFile(file, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("%w: %w", failure.ErrKnownHosts, err)
	}
	defer func() {
		if closeErr := f.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("%w: %w", failure.ErrKnownHosts, closeErr)
		}
	}()
	if err := lock(f, 5*time.Second); err != nil {
		return fmt.Errorf("%w: %s: %w", failure.ErrKnownHosts, file, err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("%w: %w", failure.ErrKnownHosts, err)
	}
	lines, err := newLines(data, keys, onlyNew)
	if err != nil || len(lines) == 0 {
		return err
	}
	if _, err := f.Write(lines); err != nil {
		return fmt.Errorf("%w: %w", failure.ErrKnownHosts, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("%w: %w", failure.ErrKnownHosts, err)
	}
	return nil
}

// CanRecord says with ErrKnownHosts why Trust could not record keys in a file: it is
// no file, or its name is no path. Nothing is made of such a name.
func CanRecord(file string) error {
	if err := KeepsKeys(file); err != nil {
		return fmt.Errorf("%w: %w", failure.ErrKnownHosts, err)
	}
	return nil
}

// KeepsKeys is CanRecord for a text that says what it is about.
func KeepsKeys(file string) error {
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
func newLines(data []byte, keys []failure.HostKey, onlyNew bool) ([]byte, error) {
	var known Hosts
	known.Parse("", data)
	var b bytes.Buffer
	for _, key := range keys {
		switch state, _ := known.State(key.Host, key.Public); {
		case state == failure.KeyKnown:
			continue
		case onlyNew && state != failure.KeyUnknown:
			return nil, fmt.Errorf("%w: another process recorded a different one just now", failure.ErrHostKeyChanged)
		}
		salt := make([]byte, sha1.Size)
		_, _ = rand.Read(salt) // never fails
		line := fmt.Sprintf("%s %s %s\n", hashHost(salt, key.Host), key.Public.Type(), base64.StdEncoding.EncodeToString(key.Public.Marshal()))
		known.Parse("", []byte(line))
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
