package cmd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/verdict"
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
server that is up.

--idle 90s keeps a connection and a watch through each VIP idle for that long, longer than
the usual timeouts of load balancers and firewalls on the way; both must work afterwards.
The watch uses the credentials of a control-plane node's admin.conf.

--distribution N makes N new connections to the apiservers through the VIP and to each
service, and prints how many each node got. Apiservers are recognised by their
certificates; all others are counted by the statistics of the VIP holder's HAProxy, which
include other clients' connections. An apiserver gets fewer in its first 30 seconds.

Exits 0 if every check passes and no connection failed, and 1 otherwise.`

// verification is what a person asks of verify.
type verification struct {
	format      string
	patience    time.Duration
	connections int
	depth       verify.Depth
}

// mostIdle bounds --idle: an apiserver ends a watch by itself one day.
const mostIdle = 24 * time.Hour

func (v verification) check() error {
	switch {
	case v.connections < 0 || v.connections > mostConnections:
		return &usageError{fmt.Errorf("--distribution must be a number from 1 to %d, not %d", mostConnections, v.connections)}
	case v.depth.Tries < 1 || v.depth.Tries > mostConnections:
		return &usageError{fmt.Errorf("--tries must be a number from 1 to %d, not %d", mostConnections, v.depth.Tries)}
	case v.depth.Idle < 0 || v.depth.Idle > mostIdle:
		return &usageError{fmt.Errorf("--idle must be a time from 0s to %s, not %s", mostIdle, v.depth.Idle)}
	}
	return checkOutput(v.format)
}

func newVerify(s streams, set *settings) *cobra.Command {
	v := verification{depth: verify.Depth{Tries: verify.DefaultTries}}
	c := &cobra.Command{
		Use:   "verify",
		Short: "Prove that the control plane answers through the VIP",
		Long:  verifyLong,
		Example: `  kplb verify -i cluster.yaml -o json
  kplb verify -i cluster.yaml --idle 90s
  kplb verify -i cluster.yaml --distribution 300`,
		RunE: func(c *cobra.Command, _ []string) error { return s.verify(c.Context(), set, v) },
	}
	c.Flags().DurationVar(&v.patience, "wait", 0, "how long to wait for the checks to pass")
	c.Flags().DurationVar(&v.depth.Idle, "idle", 0, "how long a connection and a watch through each VIP are held without a word")
	c.Flags().IntVar(&v.depth.Tries, "tries", v.depth.Tries, "how many connections to a VIP, at most, until each apiserver was met")
	c.Flags().IntVar(&v.connections, "distribution", 0, "how many connections to make to each port of the VIP, and to count")
	addOutput(c, &v.format)
	set.addSSHFlags(c.Flags())
	return c
}

func (s streams) verify(ctx context.Context, set *settings, v verification) error {
	if err := v.check(); err != nil {
		return err
	}
	return s.shown(ctx, set, func(r *rollout.Rollout, p *progress) error {
		proof, err := verify.Audit(ctx, r.Fleet, v.patience, v.depth, r.Planner)
		p.stop()
		if err != nil {
			return err
		}
		if v.connections == 0 {
			return s.printProof(proof, v.format)
		}
		return s.distribute(ctx, r, proof, v.format, v.connections)
	})
}

// printProof writes one line for each check. A failed one makes the answer no.
func (s streams) printProof(p *verdict.Proof, format string) error {
	if err := s.writeProof(p, format); err != nil {
		return err
	}
	return judgeProof(p)
}

// judgeProof says how many checks do not pass.
func judgeProof(p *verdict.Proof) error {
	noes := 0
	for _, c := range p.Checks {
		if !c.OK {
			noes++
		}
	}
	if p.OK() {
		return nil
	}
	return &noError{fmt.Sprintf("not proven: %d of %d checks say no", noes, len(p.Checks))}
}

func (s streams) writeProof(p *verdict.Proof, format string) error {
	if format != "json" {
		return s.printChecks(p)
	}
	return s.printJSON(struct {
		OK bool `json:"ok"`
		*verdict.Proof
	}{p.OK(), p})
}

func (s streams) printChecks(p *verdict.Proof) error {
	var b strings.Builder
	for _, c := range p.Checks {
		mark, subject := "ok", c.What
		if !c.OK {
			mark = "NO"
		}
		if c.Node != "" {
			subject = c.Node + ": " + subject
		}
		fmt.Fprintf(&b, "%-3s %s: %s\n", mark, subject, c.Detail)
		if c.Hint != "" {
			fmt.Fprintf(&b, "    hint: %s\n", c.Hint)
		}
	}
	_, err := fmt.Fprint(s.out, b.String())
	return err
}
