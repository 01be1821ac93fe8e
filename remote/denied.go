package remote

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// logHint is for what sshd tells nobody but its log.
const logHint = "the host's log says why: journalctl -t sshd"

// denied says why the host did not let the user in, after the two had begun to talk about that.
func (a *attempt) denied(err error) *Error {
	d, text := a.dialogue, libraryText(err)
	refused := func(why, hint string) *Error {
		return a.error(fmt.Errorf("%w as %s: %s", ErrAuth, a.to.User, why), hint)
	}
	accepted := "the key " + strings.Join(d.accepted, ", then ") + " was accepted"
	switch {
	case d.ring.failed != nil:
		return a.error(fmt.Errorf("%w as %s: the key could not sign: %w", ErrAuth, a.to.User, d.ring.failed), "")
	case strings.Contains(strings.ToLower(text), "too many authentication failures") && d.answered == "":
		return refused("more keys were offered than the host accepts attempts; "+d.ring.account(), "name the one key to use (identity file), or unload keys from the agent")
	case len(d.passed) > 0 || d.answered != "":
		return a.unanswered()
	case len(d.accepted) > 0 && hungUp(text):
		return refused(accepted+", then the host hung up", "an account that has expired or is locked, or /etc/nologin, ends a login so; "+logHint)
	case len(d.accepted) > 0:
		return refused(accepted+", but not its signature", logHint)
	case hungUp(text):
		return refused("the host hung up; "+d.ring.account(), logHint)
	// "ssh: unable to authenticate, attempted methods [none publickey], no supported methods remain" (client_auth.go)
	case strings.Contains(text, "unable to authenticate"):
		if len(d.wants) == 0 {
			return refused("the host names no method to log in with", logHint)
		}
		if !slices.Contains(d.wants, methodKey) {
			return refused("the host takes no keys, only "+d.wanted(), "allow keys there: PubkeyAuthentication yes")
		}
		return refused(d.ring.account(), d.keyHint())
	}
	return a.error(fmt.Errorf("%w as %s: %s", ErrAuth, a.to.User, text), logHint)
}

// unanswered is a login for which keys are not enough.
func (a *attempt) unanswered() *Error {
	d := a.dialogue
	what := "the host wants " + d.wanted()
	if len(d.accepted) > 0 {
		what = "the key " + strings.Join(d.accepted, ", then ") + " was accepted; the host also wants " + d.wanted()
	}
	hint := ""
	switch {
	case errors.Is(d.failed, errNobody):
		what += ": " + errNobody.Error()
		hint = "run kplb on a terminal, where it can ask; or have the host take keys alone"
	case d.failed != nil:
		return a.error(fmt.Errorf("%w as %s: %s: %w", ErrAuth, a.to.User, what, d.failed), "")
	case d.answered != "":
		what += ", and refused the answer"
	case slices.Contains(d.wants, methodKey):
		what += " with another key; " + d.ring.account()
		hint = "name the second key, too (identity file), or load it into ssh-agent"
	case slices.ContainsFunc(d.wants, func(method string) bool { return !d.ring.hop.May(method) }):
		what += ", which ssh_config switches off"
		hint = "allow it there: PasswordAuthentication, KbdInteractiveAuthentication, PreferredAuthentications"
	default:
		what += ", which kplb cannot do"
		hint = "allow a key alone, or with keyboard-interactive or password: AuthenticationMethods in the host's sshd_config"
	}
	return a.error(fmt.Errorf("%w as %s: %s", ErrAuth, a.to.User, what), hint)
}

// wanted names the methods that the host wants now.
func (d *dialogue) wanted() string { return Clean(strings.Join(d.wants, " or ")) }

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

// keyHint is for keys of which the host has taken none. It does not say why; ssh-copy-id can help only where it can log in itself.
func (d *dialogue) keyHint() string {
	hop := d.ring.hop
	if len(d.ring.offered) == 0 {
		return "name a key that can be read (identity file), or load one into ssh-agent: ssh-add"
	}
	hint := fmt.Sprintf("%s (a key that is not in the authorized_keys of %s, a home that others may write, a user or a type of key that sshd_config does not allow)", logHint, hop.User)
	if slices.Contains(d.wants, methodPassword) || slices.Contains(d.wants, methodQuestion) {
		hint += "\nif the key is not in there, and the user may log in with a password: ssh-copy-id " + hop.login()
	}
	return hint
}
