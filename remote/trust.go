package remote

import (
	"context"
	"errors"

	"golang.org/x/crypto/ssh"

	"github.com/kplb/kplb/remote/knownhost"
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
	if g.key.Public != nil {
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
	return knownhost.Record(file, keys, false)
}

// CanRecord says with ErrKnownHosts why Trust could not record keys in a file: it is
// no file, or its name is no path. Nothing is made of such a name.
func CanRecord(file string) error { return knownhost.CanRecord(file) }
