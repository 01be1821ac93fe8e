package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/melbahja/goph"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// keyring gathers what one login may offer. The library takes only the first publickey method, so that files and the agent have to
// come as one list; it is made when the host asks for it.
type keyring struct {
	ctx        context.Context
	hop        hop
	passphrase func(ctx context.Context, keyFile string) ([]byte, error)
	pause      func() (resume func()) // stops the clock of the login while a person is asked

	offered []string
	skipped []string
	failed  error // a key that the host would take could not sign
}

func (k *keyring) method() ssh.AuthMethod { return ssh.PublicKeysCallback(k.signers) }

// signers puts files that were named before the agent's keys, and the agent's before the files of the usual places: sshd counts
// every offer against MaxAuthTries.
func (k *keyring) signers() ([]ssh.Signer, error) {
	fromAgent := k.agentSigners()
	named, usual := make([]ssh.Signer, 0, len(k.hop.identities)), make([]ssh.Signer, 0, len(k.hop.usual))
	for _, file := range k.hop.identities {
		named = append(named, k.fileSigners(file, fromAgent, true)...)
	}
	for _, file := range k.hop.usual {
		usual = append(usual, k.fileSigners(file, fromAgent, false)...)
	}
	if k.hop.identitiesOnly && len(named) > 0 {
		fromAgent = nil
	}
	all := slices.Concat(named, fromAgent, usual)
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(s ssh.Signer) bool {
		id := string(s.PublicKey().Marshal())
		again := seen[id]
		seen[id] = true
		if !again {
			k.offered = append(k.offered, describe(s))
		}
		return again
	}), nil
}

// agentSigners asks the agent for its keys. A hung agent must not hang the login; a signature may take as long as a
// finger needs to find the token.
func (k *keyring) agentSigners() []ssh.Signer {
	if k.hop.agent == "" {
		return nil
	}
	conn, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(k.ctx, "unix", k.hop.agent)
	if err != nil {
		k.skip("ssh-agent", "it is gone: "+lastCause(err))
		return nil
	}
	context.AfterFunc(k.ctx, func() { _ = conn.Close() }) // ends with the login, whichever way
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	signers, err := agent.NewClient(conn).Signers()
	_ = conn.SetDeadline(time.Time{})
	if err != nil {
		k.skip("ssh-agent", "it did not list its keys: "+lastCause(err))
		return nil
	}
	for i, s := range signers {
		signers[i] = &slowSigner{named: named{s, "agent key " + ssh.FingerprintSHA256(s.PublicKey())}, ring: k}
	}
	return signers
}

// fileSigners gives the key in file and, first, the certificate beside it.
func (k *keyring) fileSigners(file string, fromAgent []ssh.Signer, wanted bool) []ssh.Signer {
	file = expandHome(file)
	signer := k.fileSigner(file, fromAgent, wanted)
	if signer == nil {
		return nil
	}
	if cert := readCert(file + "-cert.pub"); cert != nil {
		if certified, err := ssh.NewCertSigner(cert, signer); err == nil {
			return []ssh.Signer{named{certified, file + "-cert.pub"}, signer}
		}
	}
	return []ssh.Signer{signer}
}

func (k *keyring) fileSigner(file string, fromAgent []ssh.Signer, wanted bool) ssh.Signer {
	data, err := os.ReadFile(file)
	if err != nil {
		if wanted || !errors.Is(err, fs.ErrNotExist) {
			k.skip(file, lastCause(err))
		}
		return nil
	}
	signer, err := goph.GetSignerForRawKey(data, "")
	if err == nil {
		return named{signer, file}
	}
	var missing *ssh.PassphraseMissingError
	encrypted := errors.As(err, &missing)
	public := readPublic(file + ".pub")
	if encrypted && missing.PublicKey != nil {
		public = missing.PublicKey
	}
	if public != nil {
		for _, s := range fromAgent {
			if sameKey(s.PublicKey(), public) {
				return s
			}
		}
	}
	switch {
	case !encrypted:
		k.skip(file, "it cannot be used: "+strings.TrimPrefix(err.Error(), "ssh: "))
	case k.passphrase == nil:
		k.skip(file, "it is encrypted and its passphrase cannot be asked for")
	case public == nil:
		k.skip(file, "it is encrypted in an old format; put its public key beside it: ssh-keygen -y -f "+shellWord(file)+" > "+shellWord(file+".pub"))
	default:
		return &slowSigner{named: named{lockedSigner{public}, file}, ring: k, unlock: func() (ssh.Signer, error) { return k.decrypt(file, data) }}
	}
	return nil
}

func (k *keyring) decrypt(file string, data []byte) (ssh.Signer, error) {
	passphrase, err := k.ask(file)
	if err != nil {
		return nil, err
	}
	signer, err := goph.GetSignerForRawKey(data, string(passphrase))
	if err != nil {
		return nil, errors.New("wrong passphrase")
	}
	return signer, nil
}

// ask does not depend on the person's terminal knowing the context.
func (k *keyring) ask(file string) ([]byte, error) {
	type answer struct {
		passphrase []byte
		err        error
	}
	answered := make(chan answer, 1)
	go func() {
		passphrase, err := k.passphrase(k.ctx, file)
		answered <- answer{passphrase, err}
	}()
	select {
	case a := <-answered:
		return a.passphrase, a.err
	case <-k.ctx.Done():
		return nil, context.Cause(k.ctx)
	}
}

func (k *keyring) skip(what, why string) {
	k.skipped = append(k.skipped, fmt.Sprintf("%s (%s)", what, why))
}

func readPublic(file string) ssh.PublicKey {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(data)
	if err != nil {
		return nil
	}
	return key
}

func readCert(file string) *ssh.Certificate {
	cert, _ := readPublic(file).(*ssh.Certificate)
	return cert
}

func lastCause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
