package remote

import (
	"context"
	"time"

	"github.com/kplb/kplb/remote/sshconfig"
)

// Target names one host and how to log in to it, see sshconfig.Target.
type Target = sshconfig.Target

// Options say how to connect. The zero value is strict and asks nobody.
type Options struct {
	KnownHosts        []string      // files, missing ones are empty; new keys go into the first; default: what ssh_config says, else ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts
	AcceptNew         bool          // record the key of a host of which nothing is known, and tell through Notify; changed and revoked keys are refused all the same
	SSHConfig         bool          // ask `ssh -G`, where a configuration file exists; what the Target says wins, what cannot be done is refused
	SSHConfigFile     string        // instead of ~/.ssh/config and /etc/ssh/ssh_config; implies SSHConfig
	ConnectTimeout    time.Duration // for each hop, until the login is done, prompts not counted; default 10 s
	KeepaliveInterval time.Duration // a connection that leaves a probe unanswered for as long is given up; default 15 s

	// Passphrase decrypts a key file; nil: encrypted keys are skipped. It is asked only when the host would accept the key.
	// Several Dials may call it at once; CachePassphrases makes one out of many.
	Passphrase func(ctx context.Context, keyFile string) ([]byte, error)
	// Answer answers a question that the host asks besides a key (keyboard-interactive, or its password); nil: such a login is refused. It
	// may be called by several Dials at once, and every answer is used once.
	Answer func(ctx context.Context, host, question string) ([]byte, error)
	// SudoPassword is asked when sudo asks; nil: sudo -n. Several Runs may call it at once.
	SudoPassword func(ctx context.Context, host string) ([]byte, error)
	// Notify tells about what was done without being asked for. It may be called by several Dials at once.
	Notify func(host, message string)
}

func (o Options) connectTimeout() time.Duration {
	if o.ConnectTimeout > 0 {
		return o.ConnectTimeout
	}
	return 10 * time.Second
}

func (o Options) keepalive() time.Duration {
	if o.KeepaliveInterval > 0 {
		return o.KeepaliveInterval
	}
	return 15 * time.Second
}

func (o Options) notify(host, message string) {
	if o.Notify != nil {
		o.Notify(host, message)
	}
}

// source is where resolving a Target looks.
func (o Options) source() sshconfig.Source {
	return sshconfig.Source{KnownHosts: o.KnownHosts, Asked: o.SSHConfig, File: o.SSHConfigFile}
}
