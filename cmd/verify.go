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

Exits 0 if every check passes and 1 if one does not.`

func newVerify(s streams, set *settings) *cobra.Command {
	var format string
	var patience time.Duration
	c := &cobra.Command{
		Use:     "verify",
		Short:   "Prove that the control plane answers through the VIP",
		Long:    verifyLong,
		Example: `  kplb verify -i cluster.yaml -o json`,
		RunE:    func(c *cobra.Command, _ []string) error { return s.verify(c.Context(), set, format, patience) },
	}
	c.Flags().DurationVar(&patience, "wait", 0, "how long to wait for the checks to pass")
	addOutput(c, &format)
	set.addSSHFlags(c.Flags())
	return c
}

func (s streams) verify(ctx context.Context, set *settings, format string, patience time.Duration) error {
	if err := checkOutput(format); err != nil {
		return err
	}
	return s.shown(ctx, set, func(r *rollout.Rollout, _ *progress) error {
		proof, err := r.Verify(ctx, patience)
		if err != nil {
			return err
		}
		return s.printProof(proof, format)
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
