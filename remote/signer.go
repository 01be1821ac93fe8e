package remote

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/ssh"
)

// named is a signer that can say where it comes from.
type named struct {
	ssh.Signer
	name string
}

func describe(s ssh.Signer) string {
	switch s := s.(type) {
	case named:
		return s.name
	case *slowSigner:
		return s.name
	case limited:
		return describe(s.Signer)
	}
	return ssh.FingerprintSHA256(s.PublicKey())
}

// SignWithAlgorithm keeps RSA keys usable: without it the library would only sign with SHA-1.
func (n named) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	return signWith(n.Signer, rand, data, algorithm)
}

func signWith(signer ssh.Signer, rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	if s, ok := signer.(ssh.AlgorithmSigner); ok {
		return s.SignWithAlgorithm(rand, data, algorithm)
	}
	return signer.Sign(rand, data)
}

// slowSigner is one that a person may have to help: with a passphrase, or by touching a token. It is asked only once the host has
// said that it takes the key.
type slowSigner struct {
	named
	ring   *keyring
	unlock func() (ssh.Signer, error)
}

func (s *slowSigner) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return s.SignWithAlgorithm(rand, data, "")
}

func (s *slowSigner) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	defer s.ring.pause()()
	if s.unlock != nil {
		signer, err := s.unlock()
		if err != nil {
			s.ring.failed = fmt.Errorf("%s: %w", s.name, err)
			return nil, err
		}
		s.named, s.unlock = named{signer, s.name}, nil
	}
	signature, err := s.named.SignWithAlgorithm(rand, data, algorithm)
	if err != nil {
		s.ring.failed = fmt.Errorf("%s: %w", s.name, err)
	}
	return signature, err
}

// lockedSigner is a key of which only the public half can be read yet.
type lockedSigner struct{ public ssh.PublicKey }

func (l lockedSigner) PublicKey() ssh.PublicKey { return l.public }

func (l lockedSigner) Sign(io.Reader, []byte) (*ssh.Signature, error) {
	return nil, errors.New("key is locked")
}

// limited is a signer that may use some algorithms only.
type limited struct {
	ssh.Signer
	algorithms []string
}

func (l limited) Algorithms() []string { return l.algorithms }

func (l limited) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	return signWith(l.Signer, rand, data, algorithm)
}
