package remote

import (
	"slices"

	"golang.org/x/crypto/ssh"

	"github.com/kplb/kplb/remote/knownhost"
)

// certified are the certificates that somebody listed, with whatever signs for them.
func (k *keyring) certified(identities []identity, fromAgent []ssh.Signer) []ssh.Signer {
	keys := slices.Concat(inFiles(identities), fromAgent)
	var certified []ssh.Signer
	for _, file := range k.hop.Certificates {
		signer := certSigner(file, keys)
		if signer == nil {
			k.skip(file, "it is no certificate that can be read, or nobody has its private key")
			continue
		}
		certified = append(certified, signer)
	}
	return certified
}

// certSigner shows the certificate in a file, and has the one of keys sign that it is
// about; nil: there is none.
func certSigner(file string, keys []ssh.Signer) ssh.Signer {
	cert, _ := readPublic(file).(*ssh.Certificate)
	if cert == nil || cert.CertType != ssh.UserCert {
		return nil
	}
	signer := signerOf(cert.Key, keys)
	if signer == nil {
		return nil
	}
	certified, err := ssh.NewCertSigner(cert, signer)
	if err != nil {
		return nil
	}
	return named{certified, file}
}

func signerOf(key ssh.PublicKey, signers []ssh.Signer) ssh.Signer {
	i := slices.IndexFunc(signers, func(s ssh.Signer) bool { return knownhost.SameKey(s.PublicKey(), key) })
	if i < 0 {
		return nil
	}
	return signers[i]
}
