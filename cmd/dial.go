package cmd

import (
	"cmp"
	"context"
	"slices"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/terminal"
)

// dialer connects to nodes as the settings and the inventory say.
func (c command) dialer() fleet.Dialer {
	if c.machines.dial != nil {
		return c.machines.dial
	}
	o := c.remoteOptions()
	return func(ctx context.Context, n inventory.Node) (node.Host, error) {
		h, err := remote.Dial(ctx, target(c.set, n), o)
		if err != nil {
			return nil, err
		}
		return h, nil
	}
}

// target is where and as whom to log in to a node.
func target(set *settings, n inventory.Node) remote.Target {
	return remote.Target{
		Name:          n.Name,
		Host:          n.SSH.Host,
		Port:          n.SSH.Port,
		User:          cmp.Or(n.SSH.User, set.SSHUser),
		IdentityFiles: n.SSH.IdentityFiles,
		ProxyJump:     jumps(n.SSH.ProxyJump),
	}
}

// jumps says none as package remote does: an empty list, which ssh_config does
// not overrule.
func jumps(hops []string) []string {
	if slices.Equal(hops, []string{"none"}) {
		return []string{}
	}
	return hops
}

func (c command) remoteOptions() remote.Options {
	a, set := &terminal.Asker{Beside: c.err}, c.set
	o := remote.Options{
		KnownHosts:     set.KnownHosts,
		AcceptNew:      set.AcceptNewKeys,
		SSHConfig:      set.SSHConfig != "none",
		ConnectTimeout: set.ConnectTimeout,
		Passphrase: func(ctx context.Context, file string) ([]byte, error) {
			return a.AskOr(ctx, "passphrase of "+file, "load the key into ssh-agent: ssh-add "+file)
		},
		Answer: func(ctx context.Context, host, question string) ([]byte, error) {
			answer, err := a.AskAgain(ctx, host+" asks: "+question)
			return answer, terminal.WithHint(err, "run kplb on a terminal, or have the host take keys alone")
		},
		Notify: func(host, message string) { c.say("%s: %s", host, message) },
	}
	if o.SSHConfig {
		o.SSHConfigFile = set.SSHConfig
	}
	if set.AskSudoPass {
		o.SudoPassword = func(ctx context.Context, _ string) ([]byte, error) {
			return a.AskOr(ctx, "sudo password on the nodes", "run kplb on a terminal, or let the user run sudo without a password (NOPASSWD)")
		}
	}
	return o
}
