package cmd

import (
	"context"

	"github.com/kplb/kplb/report"
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
		err = report.JSON(o.out, struct {
			OK bool `json:"ok"`
			*verdict.Proof
			Distribution []verify.Distribution `json:"distribution"`
		}{proof.OK(), proof, counted})
	} else if err = report.WriteChecks(o.out, proof); err == nil {
		if err = report.WriteDistribution(o.out, counted); err == nil {
			sayFailed(o.streams, counted)
		}
	}
	if err != nil {
		return err
	}
	return judge(proof, counted)
}

// sayFailed says which connections were not made.
func sayFailed(s *streams, counted []verify.Distribution) {
	for _, d := range counted {
		if d.Failed > 0 {
			s.say("%s: %d of %d connections failed: %s", d.Name, d.Failed, d.Connections, d.Error)
		}
	}
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
