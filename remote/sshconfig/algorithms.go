package sshconfig

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/kplb/kplb/remote/failure"
)

// Algorithms are the lists that ssh_config names, or our own: the lists that are for a handshake are never empty, but for MACs.
type Algorithms struct {
	KeyExchanges []string
	Ciphers      []string
	MACs         []string
	HostKeys     []string
	UserKeys     []string // PubkeyAcceptedAlgorithms
	Authorities  []string // CASignatureAlgorithms
}

// hostKeyAlgorithms are the ones that ssh offers by default, in its order.
var hostKeyAlgorithms = []string{
	ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
	ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
	ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
}

// The rest is cheap on small machines: X25519 alone costs a fraction of the hybrid exchanges, which are still offered for hosts
// that want nothing else; AES-GCM is in hardware nearly everywhere and is not concerned by Terrapin (CVE-2023-48795).
var (
	keyExchanges = []string{
		ssh.KeyExchangeCurve25519, "curve25519-sha256@libssh.org", ssh.KeyExchangeECDHP256, ssh.KeyExchangeMLKEM768X25519,
		ssh.KeyExchangeECDHP384, ssh.KeyExchangeECDHP521, ssh.KeyExchangeDHGEXSHA256, ssh.KeyExchangeDH14SHA256, ssh.KeyExchangeDH16SHA512,
	}
	ciphers = []string{
		ssh.CipherAES128GCM, ssh.CipherAES256GCM, ssh.CipherChaCha20Poly1305, ssh.CipherAES128CTR, ssh.CipherAES192CTR, ssh.CipherAES256CTR,
	}
)

// applyAlgorithms takes over the lists that somebody has written. What the library
// does not know is left out; a list of which nothing is left is refused.
func (h *Hop) applyAlgorithms(a *asker) error {
	secure, insecure := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	hostKeys := append(slices.Clone(hostKeyAlgorithms), ssh.KeyAlgoRSA, ssh.CertAlgoRSAv01)
	for _, list := range []struct {
		keyword  string
		known    []string // nil: all
		accepted *[]string
	}{
		{"kexalgorithms", slices.Concat(secure.KeyExchanges, insecure.KeyExchanges, keyExchanges), &h.Algorithms.KeyExchanges},
		{"ciphers", slices.Concat(secure.Ciphers, insecure.Ciphers), &h.Algorithms.Ciphers},
		{"macs", slices.Concat(secure.MACs, insecure.MACs), &h.Algorithms.MACs},
		{"hostkeyalgorithms", hostKeys, &h.Algorithms.HostKeys},
		{"pubkeyacceptedalgorithms", nil, &h.Algorithms.UserKeys},
		{"casignaturealgorithms", nil, &h.Algorithms.Authorities},
	} {
		if !a.written(list.keyword) {
			continue
		}
		wanted := strings.Split(a.settings.first(list.keyword), ",")
		if list.known != nil {
			wanted = slices.DeleteFunc(wanted, func(name string) bool { return !slices.Contains(list.known, name) })
		}
		if len(wanted) == 0 {
			return failure.WithHint(
				fmt.Errorf("%w: ssh_config gives it %s %s, of which kplb knows none", failure.ErrTarget, keywordName(list.keyword), a.settings.first(list.keyword)),
				"add "+list.known[0],
			)
		}
		*list.accepted = wanted
	}
	return nil
}

// applyDefaults puts in our own lists where nobody has written one.
func (a *Algorithms) applyDefaults() {
	for _, list := range []struct {
		written *[]string
		own     []string
	}{{&a.KeyExchanges, keyExchanges}, {&a.Ciphers, ciphers}, {&a.HostKeys, hostKeyAlgorithms}} {
		if *list.written == nil {
			*list.written = list.own
		}
	}
}
