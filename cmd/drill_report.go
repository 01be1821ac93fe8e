package cmd

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/kplb/kplb/drill"
	"github.com/kplb/kplb/report"
	"github.com/kplb/kplb/verdict"
)

// sayNoes prints the checks that did not pass.
func sayNoes(s *streams, p *verdict.Proof) {
	for _, c := range p.Checks {
		if !c.OK {
			s.say("NO  %s%s: %s", strings.TrimPrefix(c.Node+": ", ": "), c.What, c.Detail)
			if c.Hint != "" {
				s.say("hint: %s", c.Hint)
			}
		}
	}
}

// judge prints what was measured, also of a drill that did not come to its
// end, and says whether the answer is no.
func (o drillOptions) judge(measured *drill.Report, proof *verdict.Proof, err error) error {
	if measured != nil && len(measured.Runs) > 0 {
		if printErr := o.write(measured); printErr != nil && err == nil {
			err = printErr
		}
	}
	var unproven *verdict.ProofError
	if errors.As(err, &unproven) && proof != nil {
		sayNoes(o.streams, proof)
		return &noError{"not proven after the drill"}
	}
	if err != nil || o.base == nil {
		return err
	}
	worse := drill.Regressions(*o.base, measured.Summary(), o.tolerance)
	for _, w := range worse {
		o.say("worse: %s", w)
	}
	if len(worse) > 0 {
		return &noError{"worse than " + o.baseline}
	}
	o.say("no worse than %s", o.baseline)
	return nil
}

// write prints what was measured, whether the page can be written or not.
func (o drillOptions) write(measured *drill.Report) error {
	pageErr := writePage(o.report, measured)
	if o.format == "json" {
		return errors.Join(pageErr, report.JSON(o.out, measured.Summary()))
	}
	return errors.Join(pageErr, measured.WriteText(o.out))
}

// writePage writes the page for others, whole or not at all; "" for file: none is
// asked for.
func writePage(file string, measured *drill.Report) error {
	if file == "" {
		return nil
	}
	var page bytes.Buffer
	if err := measured.WriteHTML(&page); err != nil {
		return err
	}
	return renameio.WriteFile(file, page.Bytes(), 0o644, renameio.WithTempDir(filepath.Dir(file)))
}
