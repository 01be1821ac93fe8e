package cmd

import (
	"fmt"
	"io"

	"github.com/kplb/kplb/report"
	"github.com/kplb/kplb/verdict"
)

// printProof writes one line for each check. A failed one makes the answer no.
func printProof(out io.Writer, p *verdict.Proof, format string) error {
	if err := report.WriteProof(out, p, format); err != nil {
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
