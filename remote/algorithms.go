package remote

import (
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

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
