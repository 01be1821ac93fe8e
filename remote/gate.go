package remote

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/kplb/kplb/remote/knownhost"
)

// hostKeyError turns a verdict into the error that Dial gives; nil for KeyKnown.
func hostKeyError(key HostKey, known knownhost.Hosts) error {
	shown := fmt.Sprintf("%s %s", key.Type, key.Fingerprint)
	switch key.State {
	case KeyUnknown:
		err := fmt.Errorf("%w (%s)", ErrHostKeyUnknown, shown)
		if len(known.Unreadable) > 0 {
			err = fmt.Errorf("%w; %w: %w", err, ErrKnownHosts, known.Unreadable[0])
		}
		return err
	case KeyChanged:
		old := key.Entries[0]
		if i := slices.IndexFunc(key.Entries, func(e KnownEntry) bool { return e.Type == key.Type }); i >= 0 {
			old = key.Entries[i]
		}
		return fmt.Errorf("%w: it shows %s, but %s:%d records %s %s", ErrHostKeyChanged, shown, old.File, old.Line, old.Type, old.Fingerprint)
	case KeyRevoked:
		by := key.Entries[0].File
		if line := key.Entries[0].Line; line > 0 {
			by = fmt.Sprintf("%s:%d", by, line)
		}
		return fmt.Errorf("%w (%s) by %s", ErrHostKeyRevoked, shown, by)
	}
	return nil
}

func hostKeyHint(key HostKey) string {
	switch key.State {
	case KeyUnknown:
		hint := "compare the fingerprint with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there), then record it: kplb trust"
		if err := knownhost.KeepsKeys(key.File); err != nil {
			hint += " --known-hosts FILE, with the same FILE from then on (" + err.Error() + ")"
		}
		return hint
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
	hop     hop
	known   knownhost.Hosts
	checkIP bool                // CheckHostIP, on a connection that goes straight there
	accept  func(HostKey) error // for unknown keys; nil: refuse
	key     HostKey
	err     error
}

func (g *gate) check(_ string, address net.Addr, key ssh.PublicKey) error {
	g.err = g.decide(address, key)
	return g.err
}

func (g *gate) decide(address net.Addr, key ssh.PublicKey) error {
	g.key = g.hop.judge(g.known, key)
	if _, isCert := key.(*ssh.Certificate); g.checkIP && !isCert {
		g.key = g.hop.judgeAddress(g.known, g.key, address)
	}
	if file, err := knownhost.RevokedBy(g.hop.Revoked, key); file != "" {
		g.key.State, g.key.Entries = KeyRevoked, []KnownEntry{{File: file}}
		if err != nil {
			return fmt.Errorf("%w: every key counts as revoked while RevokedHostKeys %s cannot be read: %w", ErrHostKeyRevoked, file, err)
		}
	}
	if g.key.State == KeyUnknown && g.accept != nil && len(g.known.Unreadable) == 0 {
		return g.accept(g.key)
	}
	if err := hostKeyError(g.key, g.known); err != nil {
		return err
	}
	if bits := rsaBits(key); bits > 0 && bits < g.hop.MinRSA {
		return fmt.Errorf("%w: its RSA key has %d bits, and ssh_config's RequiredRSASize is %d", ErrHandshake, bits, g.hop.MinRSA)
	}
	return nil
}

func (h *Host) gate(to hop) keyGate {
	g := h.strictGate(to)
	if h.opts.AcceptNew {
		g.accept = func(key HostKey) error {
			if err := knownhost.Record(key.File, []HostKey{key}, true); err != nil {
				return err
			}
			h.opts.notify(h.name, "recorded the new host key of "+key.Host+" in "+key.File+": "+key.Type+" "+key.Fingerprint)
			return nil
		}
	}
	return g
}

// strictGate accepts what is known.
func (h *Host) strictGate(to hop) *gate {
	return &gate{hop: to, known: knownhost.Read(to.KnownHosts), checkIP: to.CheckIP && to.Proxy == "" && len(h.chain) == 0}
}

// keyGate decides on host keys during a handshake.
type keyGate interface {
	check(hostname string, remote net.Addr, key ssh.PublicKey) error
	verdict() (HostKey, error)
	algorithms() []string
}

func (g *gate) verdict() (HostKey, error) { return g.key, g.err }
func (g *gate) algorithms() []string {
	return g.known.Algorithms(g.hop.lookupName(), g.hop.Algorithms.HostKeys)
}
