package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/kplb/kplb/remote/failure"
)

// attempt knows what is needed to say why one login failed. All text of the library and of sshd is understood here and in
// sudo.go, nowhere else.
type attempt struct {
	host    string
	to      hop
	ctx     context.Context
	timeout time.Duration
	keys    keyGate
	conn    net.Conn

	dialogue *dialogue
	words    *words // the host's
}

func (a *attempt) error(err error, hint string) *Error {
	return &Error{Host: a.host, Addr: a.to.Addr(), Err: err, Hint: hint}
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
func (a *attempt) interrupted(timeout error) *Error {
	if a.ctx.Err() == nil {
		return nil
	}
	if !errors.Is(context.Cause(a.ctx), ErrTimeout) {
		return a.error(interrupted(a.ctx, "", nil), "")
	}
	hint := "is the host overloaded, or a firewall swallowing packets?"
	if a.dialogue != nil {
		hint += fmt.Sprintf(" If it is only slow: --connect-timeout %s", failure.Longer(a.timeout))
	}
	return a.error(timeout, hint)
}

// refused says why a handshake did not end in a login. It ends with the host's own words.
func (a *attempt) refused(err error) error {
	// "ssh: disconnect, reason 2: \"Too many authentication failures\"" (messages.go)
	if _, said, ok := strings.Cut(err.Error(), "ssh: disconnect, reason "); ok {
		if _, quoted, ok := strings.Cut(said, ": "); ok {
			a.words.add(strings.Trim(quoted, `"`))
		}
	}
	refused := a.why(err)
	var interrupted *failure.InterruptedError
	if said := a.words.String(); said != "" && !errors.As(refused.Err, &interrupted) {
		refused.Err = fmt.Errorf("%w; the host says: %s", refused.Err, said)
	}
	return refused
}

func (a *attempt) why(err error) *Error {
	if key, keyErr := a.keys.verdict(); keyErr != nil {
		e := a.error(keyErr, hostKeyHint(key))
		e.Key = &key
		return e
	}
	if a.ctx.Err() != nil {
		return a.interrupted(proxied(fmt.Errorf("%w: no login within %s", ErrTimeout, a.timeout), a.conn))
	}
	if a.dialogue.begun {
		return a.denied(err)
	}
	text := libraryText(err)
	var algorithms *ssh.AlgorithmNegotiationError
	switch {
	case errors.As(err, &algorithms):
		offers := Clean(strings.Join(algorithms.RequestedAlgorithms, ", "))
		return a.error(fmt.Errorf("%w: no common algorithm for %s: it offers only %s", ErrHandshake, algorithms.What, lastLines(offers)),
			"the host's sshd is too old, or configured too narrowly")
	// "ssh: overflow reading version string", "invalid packet length" (transport.go, cipher.go)
	case strings.Contains(text, "version string"), strings.Contains(text, "invalid packet length"):
		return a.error(proxied(fmt.Errorf("%w: no SSH server answers there (%s)", ErrHandshake, text), a.conn), "is the port right?")
	// EOF or a reset before the login: MaxStartups, PerSourcePenalties, fail2ban, hosts.deny
	case hungUp(text):
		if proxy, ok := a.conn.(*proxyConn); ok {
			return a.error(fmt.Errorf("%w: %s", ErrUnreachable, proxy.account()), "does the command work by itself? "+proxy.command.Args[2][len("exec "):])
		}
		if said := a.words.String(); said != "" {
			return a.sentAway(said)
		}
		return a.error(fmt.Errorf("%w: the host hung up before the login", ErrHandshake),
			"sshd does so when too many logins are under way (MaxStartups), when it punishes this address (PerSourcePenalties, fail2ban), or without host keys; its log says which")
	}
	return a.error(fmt.Errorf("%w: %s", ErrHandshake, text), "")
}

// sentAway is for who gets a line of text instead of an SSH server's version.
func (a *attempt) sentAway(said string) *Error {
	hungUp := fmt.Errorf("%w: the host hung up before the login", ErrHandshake)
	switch {
	case strings.Contains(said, "Exceeded MaxStartups"):
		return a.error(hungUp, "try again in a moment, or raise MaxStartups in the host's sshd_config")
	case strings.Contains(said, "Not allowed at this time"):
		return a.error(hungUp, "wait until sshd has forgiven this address, or exempt it there: PerSourcePenaltyExemptList")
	}
	return a.error(fmt.Errorf("%w: no SSH server answers there", ErrHandshake), "is the port right?")
}

func libraryText(err error) string {
	return strings.TrimPrefix(strings.TrimPrefix(Clean(err.Error()), "ssh: handshake failed: "), "ssh: ")
}

func hungUp(text string) bool {
	return text == "EOF" || strings.Contains(text, "connection reset by peer") || strings.Contains(text, "broken pipe") || strings.Contains(text, "closed network connection")
}
