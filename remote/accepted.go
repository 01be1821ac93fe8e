package remote

import (
	"crypto/rsa"
	"fmt"
	"slices"

	"golang.org/x/crypto/ssh"

	"github.com/kplb/kplb/remote/knownhost"
)

// accepts gives the signer with the algorithms that ssh_config leaves it, or why it
// must not be offered: PubkeyAcceptedAlgorithms, RequiredRSASize.
func (h hop) accepts(s ssh.Signer) (accepted ssh.Signer, why string) {
	key := s.PublicKey()
	if bits := rsaBits(key); bits > 0 && bits < h.MinRSA {
		return nil, fmt.Sprintf("it has %d bits, and ssh_config's RequiredRSASize is %d", bits, h.MinRSA)
	}
	if h.Algorithms.UserKeys == nil {
		return s, ""
	}
	var left []string
	for _, signature := range signatures(key) {
		if slices.Contains(h.Algorithms.UserKeys, signature.named) {
			left = append(left, signature.plain)
		}
	}
	if len(left) == 0 {
		return nil, "ssh_config's PubkeyAcceptedAlgorithms leaves out " + key.Type()
	}
	return limited{s, left}, ""
}

// signature is an algorithm as lists name it, and as the library does.
type signature struct{ named, plain string }

// signatures are the ways in which a key may sign, SHA-1 left out.
func signatures(key ssh.PublicKey) []signature {
	switch key.Type() {
	case ssh.KeyAlgoRSA:
		return []signature{{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA512}, {ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA256}}
	case ssh.CertAlgoRSAv01:
		return []signature{{ssh.CertAlgoRSASHA512v01, ssh.KeyAlgoRSASHA512}, {ssh.CertAlgoRSASHA256v01, ssh.KeyAlgoRSASHA256}}
	}
	return []signature{{key.Type(), plainType(key)}}
}

// plainType is the type of the key in a certificate; the agent's keys have no other
// form than their name.
func plainType(key ssh.PublicKey) string {
	parsed, err := ssh.ParsePublicKey(key.Marshal())
	if err != nil {
		return key.Type()
	}
	return knownhost.PlainKey(parsed).Type()
}

// rsaBits is the length of an RSA key; 0: it is none.
func rsaBits(key ssh.PublicKey) int {
	parsed, err := ssh.ParsePublicKey(key.Marshal())
	if err != nil {
		return 0
	}
	crypto, ok := knownhost.PlainKey(parsed).(ssh.CryptoPublicKey)
	if !ok {
		return 0
	}
	public, ok := crypto.CryptoPublicKey().(*rsa.PublicKey)
	if !ok {
		return 0
	}
	return public.N.BitLen()
}
