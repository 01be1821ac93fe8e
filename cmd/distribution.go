package cmd

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/verdict"
	"github.com/kplb/kplb/verify"
)

// mostConnections is how many are made to one port.
const mostConnections = 100_000

// distribute adds to a proof who gets how much. Where nobody, or more than one
// node, holds the VIP there is nothing to count.
func (o verifyOptions) distribute(ctx context.Context, r *rollout.Rollout, proof *verdict.Proof) error {
	if proof.Holder == "" {
		return printProof(o.out, proof, o.format)
	}
	counted, err := verify.Distribute(ctx, r.Fleet, o.connections)
	if err != nil {
		return err
	}
	if o.format == "json" {
		err = printJSON(o.out, struct {
			OK bool `json:"ok"`
			*verdict.Proof
			Distribution []verify.Distribution `json:"distribution"`
		}{proof.OK(), proof, counted})
	} else if err = printChecks(o.out, proof); err == nil {
		err = printDistribution(o.streams, counted)
	}
	if err != nil {
		return err
	}
	return judge(proof, counted)
}

func printDistribution(s *streams, counted []verify.Distribution) error {
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nPORT\tADDRESS\tNODE\tCONNECTIONS\tSHARE\tAFFINITY\tCOUNTED BY")
	for _, d := range counted {
		all := 0
		for _, b := range d.Backends {
			all += b.Got
		}
		for _, b := range d.Backends {
			share := "-"
			if all > 0 {
				share = fmt.Sprintf("%.1f%%", 100*float64(b.Got)/float64(all))
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", d.Name, d.Address, b.Node, b.Got, share, orDash(string(d.Affinity)), d.CountedBy)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, d := range counted {
		if d.Failed > 0 {
			s.say("%s: %d of %d connections failed: %s", d.Name, d.Failed, d.Connections, d.Error)
		}
	}
	return nil
}

func judge(proof *verdict.Proof, counted []verify.Distribution) error {
	if err := judgeProof(proof); err != nil {
		return err
	}
	for _, d := range counted {
		if d.Failed > 0 {
			return &noError{"not every connection was made"}
		}
	}
	return nil
}
