package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/kplb/kplb/verdict"
)

// WriteProof writes one line for each check, or the checks as JSON.
func WriteProof(out io.Writer, p *verdict.Proof, format string) error {
	if format != "json" {
		return WriteChecks(out, p)
	}
	return JSON(out, struct {
		OK bool `json:"ok"`
		*verdict.Proof
	}{p.OK(), p})
}

// WriteChecks writes one line for each check.
func WriteChecks(out io.Writer, p *verdict.Proof) error {
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
