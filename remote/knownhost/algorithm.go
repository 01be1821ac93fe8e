package knownhost

import (
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Algorithms puts those first for which a key is recorded, so that a host recorded with one of its keys shows that one
// (OpenSSH's order_hostkeyalgs).
func (k Hosts) Algorithms(name string, offered []string) []string {
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
	if types[keyType(firstPlain(offered))] {
		return offered
	}
	first := slices.Clone(offered)
	slices.SortStableFunc(first, func(a, b string) int { return rank(a, types, haveCA) - rank(b, types, haveCA) })
	return first
}

// firstPlain is the favourite among the algorithms without a certificate.
func firstPlain(offered []string) string {
	i := slices.IndexFunc(offered, func(name string) bool { return !strings.Contains(name, "-cert-v01@") })
	if i < 0 {
		return ""
	}
	return offered[i]
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
