package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

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

func newKeyring(ctx context.Context, to hop, passphrase func(ctx context.Context, keyFile string) ([]byte, error)) *keyring {
	if to.Batch {
		passphrase = nil
	}
	return &keyring{ctx: ctx, hop: to, passphrase: passphrase}
}

// signers puts keys in OpenSSH's order: certificates, the agent's keys that files name, the agent's others, files. Only files that
// somebody named come before the agent's others: sshd counts every offer against MaxAuthTries.
func (k *keyring) signers() []ssh.Signer {
	fromAgent := k.agentSigners()
	named := k.identities(k.hop.Identities, fromAgent, true)
	usual := k.identities(k.hop.Usual, fromAgent, false)
	ours := slices.Concat(named, usual)
	var chosen, others []ssh.Signer
	for _, s := range fromAgent {
		if slices.ContainsFunc(ours, func(id identity) bool { return id.is(s.PublicKey()) }) {
			chosen = append(chosen, s)
		} else {
			others = append(others, s)
		}
	}
	certified := k.certified(ours, fromAgent)
	if k.hop.IdentitiesOnly {
		others = nil
	}
	return k.offer(slices.Concat(certified, chosen, inFiles(named), others, inFiles(usual)))
}

// offer leaves out what comes again, and what ssh_config does not accept.
func (k *keyring) offer(all []ssh.Signer) []ssh.Signer {
	seen := map[string]bool{}
	var offered []ssh.Signer
	for _, s := range all {
		id := string(s.PublicKey().Marshal())
		if seen[id] {
			continue
		}
		seen[id] = true
		accepted, why := k.hop.accepts(s)
		if why != "" {
			k.skip(describe(s), why)
			continue
		}
		offered = append(offered, accepted)
		k.offered = append(k.offered, describe(s))
	}
	return offered
}

// agentSigners asks the agent for its keys. A hung agent must not hang the login; a signature may take as long as a
// finger needs to find the token.
func (k *keyring) agentSigners() []ssh.Signer {
	if k.hop.Agent == "" {
		return nil
	}
	conn, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(k.ctx, "unix", k.hop.Agent)
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

func lastCause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
