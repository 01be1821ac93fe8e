package cmd

import (
	"context"
	"fmt"
	"os"
	"os/user"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/terminal"
)

// command is what every command has: the streams and machines, and the operator's
// settings. The options of a command embed it, and their run carries them out.
type command struct {
	*streams
	set *settings
}

// onNodes does something with the nodes of the inventory's cluster.
func (c command) onNodes(ctx context.Context, report func(fleet.Event), do func(*rollout.Rollout) error) error {
	cluster, err := c.set.loadCluster()
	if err != nil {
		return err
	}
	t, err := c.set.loadTemplates()
	if err != nil {
		return err
	}
	secrets, err := loadSecrets(ctx, cluster)
	if err != nil {
		return err
	}
	nodes := &fleet.Fleet{Cluster: cluster, Dial: c.dialer(), Network: c.machines.network, OnEvent: report, Operator: operator()}
	r := &rollout.Rollout{Fleet: nodes, Templates: t, Secrets: secrets, Version: buildVersion()}
	defer r.Fleet.Close()
	return do(r)
}

// shown does something with the nodes, and shows its progress.
func (c command) shown(ctx context.Context, do func(*rollout.Rollout, *terminal.Progress) error) error {
	p := terminal.NewProgress(c.err)
	defer p.Stop()
	above := *c.streams
	above.err = p
	return command{&above, c.set}.onNodes(ctx, p.Event, func(r *rollout.Rollout) error { return do(r, p) })
}

// operator says who is at work, for others who find the lock.
func operator() string {
	name, host := "somebody", "an unknown host"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return fmt.Sprintf("%s@%s, pid %d", name, host, os.Getpid())
}
