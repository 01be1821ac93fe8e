package cmd

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/terminal"
	"github.com/kplb/kplb/verify"
)

const verifyLong = `Checks whether the cluster works as the inventory says. It changes nothing. Each check is
one line; a check that was not possible is marked "left out".

It queries /healthz, /livez and /readyz of every apiserver and of every VIP, from every
node, workers included, and from this machine if it has a route, and verifies TLS against
the cluster's CA and the address in the certificate. It checks that exactly one node holds
each VIP, that this node's keepalived is the only MASTER, and that no other host answers
ARP or IPv6 neighbour discovery for the VIP. New connections to each VIP must reach every
apiserver, which it recognises by their certificates, and nothing else. HAProxy on every
node must see all apiservers up. Files, sysctls, firewall rules and units of every node
must be as rendered. Each service must accept a connection through its VIP and have a
server that is up. A node that cannot be asked is a check that does not pass; the others are
asked all the same.

--idle 90s keeps a connection and a watch through each VIP idle for that long, longer than
the usual timeouts of load balancers and firewalls on the way; both must work afterwards.
The watch uses the credentials of a control-plane node's admin.conf.

--distribution N makes N new connections to the apiservers through the VIP and to each
service, and prints how many each node got. Apiservers are recognised by their
certificates; all others are counted by the statistics of the VIP holder's HAProxy, which
include other clients' connections. An apiserver gets fewer in its first 30 seconds.

Exits 0 if every check passes and no connection failed, and 1 otherwise.`

// verifyOptions are what a person asks of verify.
type verifyOptions struct {
	command
	format      string
	patience    time.Duration
	connections int
	depth       verify.Depth
}

// mostIdle bounds --idle: an apiserver ends a watch by itself one day.
const mostIdle = 24 * time.Hour

func (o verifyOptions) check() error {
	switch {
	case o.connections < 0 || o.connections > mostConnections:
		return &usageError{fmt.Errorf("--distribution must be a number from 1 to %d, not %d", mostConnections, o.connections)}
	case o.depth.Tries < 1 || o.depth.Tries > mostConnections:
		return &usageError{fmt.Errorf("--tries must be a number from 1 to %d, not %d", mostConnections, o.depth.Tries)}
	case o.depth.Idle < 0 || o.depth.Idle > mostIdle:
		return &usageError{fmt.Errorf("--idle must be a time from 0s to %s, not %s", mostIdle, o.depth.Idle)}
	}
	return checkOutput(o.format)
}

func newVerify(base command) *cobra.Command {
	o := verifyOptions{command: base, depth: verify.Depth{Tries: verify.DefaultTries}}
	c := &cobra.Command{
		Use:   "verify",
		Short: "Prove that the control plane answers through the VIP",
		Long:  verifyLong,
		Example: `  kplb verify -i cluster.yaml -o json
  kplb verify -i cluster.yaml --idle 90s
  kplb verify -i cluster.yaml --distribution 300`,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	c.Flags().DurationVar(&o.patience, "wait", 0, "how long to wait for the checks to pass")
	c.Flags().DurationVar(&o.depth.Idle, "idle", 0, "how long a connection and a watch through each VIP are held without a word")
	c.Flags().IntVar(&o.depth.Tries, "tries", o.depth.Tries, "how many connections to a VIP, at most, until each apiserver was met")
	c.Flags().IntVar(&o.connections, "distribution", 0, "how many connections to make to each port of the VIP, and to count")
	addOutput(c, &o.format)
	o.set.AddSSHFlags(c.Flags())
	return c
}

func (o verifyOptions) run(ctx context.Context) error {
	if err := o.check(); err != nil {
		return err
	}
	return o.shown(ctx, func(r *rollout.Rollout, p *terminal.Progress) error {
		proof, err := verify.Audit(ctx, r.Fleet, o.patience, o.depth, r.Planner(ctx))
		p.Stop()
		if err != nil {
			return err
		}
		if o.connections == 0 {
			return printProof(o.out, proof, o.format)
		}
		return o.distribute(ctx, r, proof)
	})
}
