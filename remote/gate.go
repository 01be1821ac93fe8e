package remote

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// hostKeyError turns a verdict into the error that Dial gives; nil for KeyKnown.
func hostKeyError(key HostKey, known knownHosts) error {
	shown := fmt.Sprintf("%s %s", key.Type, key.Fingerprint)
	switch key.State {
	case KeyUnknown:
		err := fmt.Errorf("%w (%s)", ErrHostKeyUnknown, shown)
		if len(known.unreadable) > 0 {
			err = fmt.Errorf("%w; %w: %w", err, ErrKnownHosts, known.unreadable[0])
		}
		return err
	case KeyChanged:
		old := key.Entries[0]
		return fmt.Errorf("%w: it shows %s, but %s:%d records %s %s", ErrHostKeyChanged, shown, old.File, old.Line, old.Type, old.Fingerprint)
	case KeyRevoked:
		return fmt.Errorf("%w (%s) by %s:%d", ErrHostKeyRevoked, shown, key.Entries[0].File, key.Entries[0].Line)
	}
	return nil
}

func hostKeyHint(key HostKey) string {
	switch key.State {
	case KeyUnknown:
		return "compare the fingerprint with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there), then record it: kplb trust"
	case KeyChanged:
		hints := []string{"find out why before going on: a host that was installed anew has a new key, and so has a host in the middle"}
		var files []string
		for _, e := range key.Entries {
			if !slices.Contains(files, e.File) {
				files = append(files, e.File)
				hints = append(hints, fmt.Sprintf("to forget the old key: ssh-keygen -R %s -f %s", shellWord(key.Host), shellWord(e.File)))
			}
		}
		return strings.Join(hints, "\n")
	case KeyRevoked:
		return "do not connect: somebody withdrew this key; give the host a new one"
	}
	return ""
}

// shellWord quotes only what needs it, so that hints stay readable.
func shellWord(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,", r)
	}) || s == "" {
		return Quote(s)
	}
	return s
}

// gate checks the key of one hop during the handshake and remembers why it refused: the library rewords what a callback returns.
type gate struct {
	hop    hop
	known  knownHosts
	accept func(HostKey) error // for unknown keys; nil: refuse
	key    HostKey
	err    error
}

func (g *gate) check(_ string, _ net.Addr, key ssh.PublicKey) error {
	g.key = g.hop.judge(g.known, key)
	if g.key.State == KeyUnknown && g.accept != nil && len(g.known.unreadable) == 0 {
		g.err = g.accept(g.key)
		return g.err
	}
	g.err = hostKeyError(g.key, g.known)
	return g.err
}

func (h *Host) gate(to hop) keyGate {
	g := &gate{hop: to, known: readKnownHosts(to.knownHosts)}
	if h.opts.AcceptNew {
		g.accept = func(key HostKey) error {
			if err := record(key.File, []HostKey{key}, true); err != nil {
				return err
			}
			h.opts.notify(h.name, "recorded the new host key of "+key.Host+" in "+key.File+": "+key.Type+" "+key.Fingerprint)
			return nil
		}
	}
	return g
}

// keyGate decides on host keys during a handshake.
type keyGate interface {
	check(hostname string, remote net.Addr, key ssh.PublicKey) error
	verdict() (HostKey, error)
	algorithms() []string
}

func (g *gate) verdict() (HostKey, error) { return g.key, g.err }
func (g *gate) algorithms() []string      { return g.known.algorithms(g.hop.lookupName()) }
