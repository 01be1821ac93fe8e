package cmd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/rollout"
)

const verifyLong = `Looks whether the cluster works as the inventory says: every apiserver answers
/healthz and /readyz on its own address, /healthz answers through the VIP, with TLS
verified against the cluster's CA and the address in the certificate; exactly one node
holds the VIP; HAProxy on every node sees all apiservers up. Nothing is changed.

Services are connected to through the VIP, and have to have a server that is up.

--distribution N makes N new connections to the VIP's port of the apiservers and to each
service, and prints how many each node got: apiservers are told apart by their
certificates, everything else by the statistics of the VIP holder's HAProxy, which count
other clients' connections, too. An apiserver gets fewer in its first 30 seconds.

Exits 0 if every check passes and no connection failed, and 1 otherwise.`

func newVerify(s streams, set *settings) *cobra.Command {
	var format string
	var patience time.Duration
	var connections int
	c := &cobra.Command{
		Use:   "verify",
		Short: "Prove that the control plane answers through the VIP",
		Long:  verifyLong,
		Example: `  kplb verify -i cluster.yaml -o json
  kplb verify -i cluster.yaml --distribution 300`,
		RunE: func(c *cobra.Command, _ []string) error {
			return s.verify(c.Context(), set, format, patience, connections)
		},
	}
	c.Flags().DurationVar(&patience, "wait", 0, "how long to wait for the checks to pass")
	c.Flags().IntVar(&connections, "distribution", 0, "how many connections to make to each port of the VIP, and to count")
	addOutput(c, &format)
	set.addSSHFlags(c.Flags())
	return c
}

func (s streams) verify(ctx context.Context, set *settings, format string, patience time.Duration, connections int) error {
	if err := checkOutput(format); err != nil {
		return err
	}
	if connections < 0 || connections > mostConnections {
		return &usageError{fmt.Errorf("--distribution %d is not a number from 1 to %d", connections, mostConnections)}
	}
	return s.onNodes(ctx, set, nil, func(r *rollout.Rollout) error {
		proof, err := r.Verify(ctx, patience)
		if err != nil {
			return err
		}
		if connections == 0 {
			return s.printProof(proof, format)
		}
		return s.distribute(ctx, r, proof, format, connections)
	})
}

// printProof writes one line for each check. A failed one makes the answer no.
func (s streams) printProof(p *rollout.Proof, format string) error {
	if err := s.writeProof(p, format); err != nil {
		return err
	}
	if !p.OK() {
		return &noError{"not proven"}
	}
	return nil
}

func (s streams) writeProof(p *rollout.Proof, format string) error {
	if format != "json" {
		return s.printChecks(p)
	}
	return s.printJSON(struct {
		OK bool `json:"ok"`
		*rollout.Proof
	}{p.OK(), p})
}

func (s streams) printChecks(p *rollout.Proof) error {
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
		if c.Cure != "" {
			fmt.Fprintf(&b, "    hint: %s\n", c.Cure)
		}
	}
	_, err := fmt.Fprint(s.out, b.String())
	return err
}
