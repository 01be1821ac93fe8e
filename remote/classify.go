package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// attempt knows what is needed to say why one login failed. All text of the library and of sshd is understood here and in
// sudo.go, nowhere else.
type attempt struct {
	host    string
	to      hop
	ctx     context.Context
	timeout time.Duration
	keys    keyGate
	ring    *keyring
	conn    net.Conn
}

func (a *attempt) error(err error, hint string) *Error {
	return &Error{Host: a.host, Addr: a.to.addr(), Err: err, Hint: hint}
}

// unreachable says why there is no TCP connection.
func (a *attempt) unreachable(err error) error {
	if interrupted := a.interrupted(fmt.Errorf("%w: %w: no connection after %s", ErrUnreachable, ErrTimeout, a.timeout)); interrupted != nil {
		return interrupted
	}
	var channel *ssh.OpenChannelError
	if errors.As(err, &channel) {
		if channel.Reason == ssh.Prohibited {
			return a.error(fmt.Errorf("%w: %w by the jump host before it (%s)", ErrUnreachable, ErrForwarding, Clean(channel.Message)), "allow it there: AllowTcpForwarding yes")
		}
		return a.error(fmt.Errorf("%w from the jump host before it: %s", ErrUnreachable, Clean(channel.Message)), "")
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return a.error(fmt.Errorf("%w: its name does not resolve (%s)", ErrUnreachable, dns.Err), "give its IP address, or a name that resolves here")
	}
	return a.error(fmt.Errorf("%w: %s", ErrUnreachable, lastCause(err)), "is the host up, its address right, and sshd listening on that port?")
}

// interrupted tells the two ways in which we hung up ourselves; nil when we did not.
func (a *attempt) interrupted(timeout error) error {
	if a.ctx.Err() == nil {
		return nil
	}
	if !errors.Is(context.Cause(a.ctx), ErrTimeout) {
		return a.error(interrupted(a.ctx, "", nil), "")
	}
	return a.error(timeout, "is the host overloaded, or a firewall swallowing packets?")
}

// refused says why a handshake did not end in a login.
func (a *attempt) refused(err error) error {
	if key, keyErr := a.keys.verdict(); keyErr != nil {
		e := a.error(keyErr, hostKeyHint(key))
		e.Key = &key
		return e
	}
	if a.ctx.Err() != nil {
		return a.interrupted(proxied(fmt.Errorf("%w: no login within %s", ErrTimeout, a.timeout), a.conn))
	}
	text := Clean(err.Error())
	text = strings.TrimPrefix(strings.TrimPrefix(text, "ssh: handshake failed: "), "ssh: ")
	var algorithms *ssh.AlgorithmNegotiationError
	switch {
	case a.ring.failed != nil:
		return a.error(fmt.Errorf("%w as %s: the key could not sign: %w", ErrAuth, a.to.user, a.ring.failed), "")
	// "ssh: unable to authenticate, attempted methods [none publickey], no supported methods remain" (client_auth.go)
	case strings.Contains(text, "unable to authenticate"):
		return a.error(fmt.Errorf("%w as %s: %s", ErrAuth, a.to.user, a.ring.account()), a.ring.hint())
	// "ssh: disconnect, reason 2: \"Too many authentication failures\"" (sshd's MaxAuthTries)
	case strings.Contains(strings.ToLower(text), "too many authentication failures"):
		return a.error(fmt.Errorf("%w as %s: more keys were offered than the host accepts attempts; %s", ErrAuth, a.to.user, a.ring.account()),
			"name the one key to use (identity file), or unload keys from the agent")
	case errors.As(err, &algorithms):
		offers := Clean(strings.Join(algorithms.RequestedAlgorithms, ", "))
		return a.error(fmt.Errorf("%w: no common algorithm for %s: it offers only %s", ErrHandshake, algorithms.What, lastLines(offers)),
			"the host's sshd is too old, or configured too narrowly")
	// "ssh: overflow reading version string", "invalid packet length" (transport.go, cipher.go)
	case strings.Contains(text, "version string"), strings.Contains(text, "invalid packet length"):
		return a.error(proxied(fmt.Errorf("%w: no SSH server answers there (%s)", ErrHandshake, text), a.conn), "is the port right?")
	// EOF or a reset before the login: MaxStartups, PerSourcePenalties, fail2ban, hosts.deny
	case text == "EOF", strings.Contains(text, "connection reset by peer"), strings.Contains(text, "broken pipe"), strings.Contains(text, "closed network connection"):
		if proxy, ok := a.conn.(*proxyConn); ok {
			return a.error(fmt.Errorf("%w: %s", ErrUnreachable, proxy.account()), "does the command work by itself? "+proxy.command.Args[2][len("exec "):])
		}
		return a.error(fmt.Errorf("%w: the host hung up before the login", ErrHandshake),
			"sshd does so when too many logins are under way (MaxStartups), when it punishes this address (PerSourcePenalties, fail2ban), or without host keys; its log says which")
	}
	return a.error(fmt.Errorf("%w: %s", ErrHandshake, text), "")
}

// account tells what was tried, so that nobody has to guess which key was meant.
func (k *keyring) account() string {
	tried := "no key was offered"
	if len(k.offered) > 0 {
		tried = "tried " + strings.Join(k.offered, ", ")
	}
	if len(k.skipped) > 0 {
		tried += "; skipped " + strings.Join(k.skipped, ", ")
	}
	return Clean(tried)
}

func (k *keyring) hint() string {
	port := ""
	if k.hop.port != 22 {
		port = fmt.Sprintf(" -p %d", k.hop.port)
	}
	return fmt.Sprintf("is %s the right user? To let a key in: ssh-copy-id%s %s", k.hop.user, port, shellWord(k.hop.user+"@"+k.hop.host))
}
