package remote

import (
	"bytes"
	"errors"
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
	File        string       // where Trust should record it; empty: ssh_config names no file of the user's

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
	shown := plainKey(key)
	verdict := HostKey{Host: h.lookupName(), Type: shown.Type(), Fingerprint: ssh.FingerprintSHA256(shown), File: h.recordIn, key: shown}
	verdict.State, verdict.Entries = h.judgeAs(known, verdict.Host, key)
	return verdict
}

func (h hop) judgeAs(known knownHosts, name string, key ssh.PublicKey) (KeyState, []KnownEntry) {
	state, entries := known.state(name, key)
	cert, isCert := key.(*ssh.Certificate)
	if state == KeyKnown && isCert && h.checkHostCert(cert) != nil {
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
func (h hop) checkHostCert(cert *ssh.Certificate) error {
	if cert.CertType != ssh.HostCert {
		return errors.New("certificate is not for a host")
	}
	if accepted := h.algorithms.authorities; accepted != nil && !slices.Contains(accepted, cert.Signature.Format) {
		return errors.New("CASignatureAlgorithms leaves out " + cert.Signature.Format)
	}
	var checker ssh.CertChecker
	return checker.CheckCert(h.certPrincipal(), cert)
}

// judgeAddress is CheckHostIP: a host whose address is recorded with another key is
// not the host, whatever its name says.
func (h hop) judgeAddress(known knownHosts, verdict HostKey, address net.Addr) HostKey {
	tcp, ok := address.(*net.TCPAddr)
	if !ok || tcp.IP.IsLoopback() || verdict.State != KeyKnown && verdict.State != KeyUnknown {
		return verdict
	}
	at := hop{host: tcp.IP.String(), port: h.port}.lookupName()
	if state, entries := known.state(at, verdict.key); at != verdict.Host && state == KeyChanged {
		verdict.State, verdict.Entries, verdict.Host = KeyChanged, entries, at
	}
	return verdict
}
