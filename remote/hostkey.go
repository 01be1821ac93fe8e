package remote

import (
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/kplb/kplb/remote/knownhost"
	"github.com/kplb/kplb/remote/sshconfig"
)

// lookupName gives what known_hosts calls the hop.
func (h hop) lookupName() string {
	if h.Alias != "" {
		return h.Alias
	}
	if h.Port == 22 {
		return strings.ToLower(h.Host)
	}
	return "[" + strings.ToLower(h.Host) + "]:" + strconv.Itoa(int(h.Port))
}

// judge decides on a key as OpenSSH's check_host_key does with StrictHostKeyChecking=yes.
func (h hop) judge(known knownhost.Hosts, key ssh.PublicKey) HostKey {
	shown := knownhost.PlainKey(key)
	verdict := HostKey{Host: h.lookupName(), Type: shown.Type(), Fingerprint: ssh.FingerprintSHA256(shown), File: h.RecordIn, Public: shown}
	verdict.State, verdict.Entries = h.judgeAs(known, verdict.Host, key)
	return verdict
}

func (h hop) judgeAs(known knownhost.Hosts, name string, key ssh.PublicKey) (KeyState, []KnownEntry) {
	state, entries := known.State(name, key)
	cert, isCert := key.(*ssh.Certificate)
	if state == KeyKnown && isCert && h.checkHostCert(cert) != nil {
		state = KeyUnknown
	} else if state == KeyUnknown && h.Alias == "" && name != strings.ToLower(h.Host) {
		// A key recorded for the host without its port is good for every port.
		if s, e := h.judgeAs(known, strings.ToLower(h.Host), key); s == KeyKnown || s == KeyRevoked {
			return s, e
		}
	}
	if isCert && (state == KeyUnknown || state == KeyChanged) {
		return h.judgeAs(known, name, cert.Key)
	}
	return state, entries
}

func (h hop) certPrincipal() string {
	if h.Alias != "" {
		return h.Alias
	}
	return strings.ToLower(h.Host)
}

// checkHostCert checks all but the CA itself, which is known by now.
func (h hop) checkHostCert(cert *ssh.Certificate) error {
	if cert.CertType != ssh.HostCert {
		return errors.New("certificate is not for a host")
	}
	if accepted := h.Algorithms.Authorities; accepted != nil && !slices.Contains(accepted, cert.Signature.Format) {
		return errors.New("CASignatureAlgorithms leaves out " + cert.Signature.Format)
	}
	var checker ssh.CertChecker
	return checker.CheckCert(h.certPrincipal(), cert)
}

// judgeAddress is CheckHostIP: a host whose address is recorded with another key is
// not the host, whatever its name says.
func (h hop) judgeAddress(known knownhost.Hosts, verdict HostKey, address net.Addr) HostKey {
	tcp, ok := address.(*net.TCPAddr)
	if !ok || tcp.IP.IsLoopback() || verdict.State != KeyKnown && verdict.State != KeyUnknown {
		return verdict
	}
	at := hop{sshconfig.Hop{Host: tcp.IP.String(), Port: h.Port}}.lookupName()
	if state, entries := known.State(at, verdict.Public); at != verdict.Host && state == KeyChanged {
		verdict.State, verdict.Entries, verdict.Host = KeyChanged, entries, at
	}
	return verdict
}
