package cmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/kplb/kplb/verdict"
)

// printProof writes one line for each check. A failed one makes the answer no.
func printProof(out io.Writer, p *verdict.Proof, format string) error {
	if err := writeProof(out, p, format); err != nil {
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

func writeProof(out io.Writer, p *verdict.Proof, format string) error {
	if format != "json" {
		return printChecks(out, p)
	}
	return printJSON(out, struct {
		OK bool `json:"ok"`
		*verdict.Proof
	}{p.OK(), p})
}

func printChecks(out io.Writer, p *verdict.Proof) error {
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
	_, err := fmt.Fprint(out, b.String())
	return err
}
