package remote

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

// KeyState is what the known_hosts files say about a host's key.
type KeyState int

// The verdicts on a key. Only KeyKnown lets a connection go on.
const (
	KeyUnknown KeyState = iota
	KeyKnown
	KeyChanged
	KeyRevoked
)

func (s KeyState) String() string {
	return [...]string{"unknown", "known", "changed", "revoked"}[s]
}

// KnownEntry is a line of a known_hosts file.
type KnownEntry struct {
	File        string
	Line        int
	Type        string
	Fingerprint string
}

// HostKey is a key that a host showed, and what is known about it.
type HostKey struct {
	Host        string // as it is written to known_hosts, before hashing: host or [host]:port
	Type        string
	Fingerprint string // SHA256:…
	State       KeyState
	Entries     []KnownEntry // the lines that decided: the matching one, the differing ones, or the @revoked one
	File        string       // where Trust should record it: the first known_hosts file

	key ssh.PublicKey
}

// lookupName gives what known_hosts calls the hop.
func (h hop) lookupName() string {
	if h.alias != "" {
		return h.alias
	}
	if h.port == 22 {
		return strings.ToLower(h.host)
	}
	return "[" + strings.ToLower(h.host) + "]:" + strconv.Itoa(int(h.port))
}

// judge decides on a key as OpenSSH's check_host_key does with StrictHostKeyChecking=yes.
func (h hop) judge(known knownHosts, key ssh.PublicKey) HostKey {
	shown := key
	if cert, ok := key.(*ssh.Certificate); ok {
		shown = cert.Key
	}
	verdict := HostKey{Host: h.lookupName(), Type: shown.Type(), Fingerprint: ssh.FingerprintSHA256(shown), File: h.knownHosts[0], key: shown}
	verdict.State, verdict.Entries = h.judgeAs(known, verdict.Host, key)
	return verdict
}

func (h hop) judgeAs(known knownHosts, name string, key ssh.PublicKey) (KeyState, []KnownEntry) {
	state, entries := known.state(name, key)
	cert, isCert := key.(*ssh.Certificate)
	if state == KeyKnown && isCert && checkHostCert(cert, h.certPrincipal()) != nil {
		state = KeyUnknown
	} else if state == KeyUnknown && h.alias == "" && name != strings.ToLower(h.host) {
		// A key recorded for the host without its port is good for every port.
		if s, e := h.judgeAs(known, strings.ToLower(h.host), key); s == KeyKnown || s == KeyRevoked {
			return s, e
		}
	}
	if isCert && (state == KeyUnknown || state == KeyChanged) {
		return h.judgeAs(known, name, cert.Key)
	}
	return state, entries
}

// state is check_key_in_hostkeys: lines for certificates and lines for keys are two worlds, a @revoked line beats both.
func (k knownHosts) state(name string, key ssh.PublicKey) (KeyState, []KnownEntry) {
	wanted, compared := plain, key
	cert, isCert := key.(*ssh.Certificate)
	if isCert {
		wanted, compared = authority, cert.SignatureKey
	}
	state := KeyUnknown
	var entries []KnownEntry
	for _, l := range k.lines {
		if !l.matches(name) {
			continue
		}
		same := sameKey(l.key, compared)
		switch {
		case l.marker == revoked && (same || isCert && sameKey(l.key, cert.Key)):
			return KeyRevoked, []KnownEntry{l.KnownEntry}
		case l.marker != wanted || state == KeyKnown:
		case same:
			state, entries = KeyKnown, append(entries[:0], l.KnownEntry)
		case !isCert:
			state, entries = KeyChanged, append(entries, l.KnownEntry)
		}
	}
	return state, entries
}

func sameKey(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

func (h hop) certPrincipal() string {
	if h.alias != "" {
		return h.alias
	}
	return strings.ToLower(h.host)
}

// checkHostCert checks all but the CA itself, which is known by now.
func checkHostCert(cert *ssh.Certificate, name string) error {
	if cert.CertType != ssh.HostCert {
		return errors.New("certificate is not for a host")
	}
	var checker ssh.CertChecker
	return checker.CheckCert(name, cert)
}

// hostKeyAlgorithms are the ones that ssh offers by default, in its order.
var hostKeyAlgorithms = []string{
	ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
	ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
	ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
}

// algorithms puts those first for which a key is recorded, so that a host recorded with one of its keys shows that one
// (OpenSSH's order_hostkeyalgs).
func (k knownHosts) algorithms(name string) []string {
	types := map[string]bool{}
	haveCA := false
	for _, l := range k.lines {
		if l.marker == revoked || !l.matches(name) {
			continue
		}
		if l.marker == authority {
			haveCA = true
		} else {
			types[l.Type] = true
		}
	}
	if types[ssh.KeyAlgoED25519] {
		return hostKeyAlgorithms
	}
	first := slices.Clone(hostKeyAlgorithms)
	slices.SortStableFunc(first, func(a, b string) int { return rank(a, types, haveCA) - rank(b, types, haveCA) })
	return first
}

func rank(algorithm string, types map[string]bool, haveCA bool) int {
	isCert := strings.Contains(algorithm, "-cert-v01@")
	if isCert && haveCA || types[keyType(algorithm)] {
		return 0
	}
	return 1
}

// keyType gives the type of the plain key that an algorithm signs with.
func keyType(algorithm string) string {
	algorithm, _, _ = strings.Cut(algorithm, "-cert-v01@")
	if strings.HasPrefix(algorithm, "rsa-sha2-") {
		return ssh.KeyAlgoRSA
	}
	return algorithm
}

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
