package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/kplb/kplb/drill"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/verdict"
)

func namesOf(c *inventory.Cluster) []string {
	out := make([]string, len(c.Nodes))
	for i, n := range c.Nodes {
		out[i] = n.Name
	}
	return out
}

// openFiles wants the baseline to be one, and the report to be writable,
// before anything is broken.
func (o *drillOptions) openFiles() error {
	if o.baseline != "" {
		data, err := os.ReadFile(o.baseline)
		if err == nil {
			o.base, err = drill.ParseSummary(data)
			if err != nil {
				err = fmt.Errorf("%s %w", o.baseline, err)
			}
		}
		if err != nil {
			return &usageError{fmt.Errorf("baseline: %w", err)}
		}
	}
	if o.report == "" {
		return nil
	}
	_, missing := os.Stat(o.report)
	f, err := os.OpenFile(o.report, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return &usageError{fmt.Errorf("report: %w", err)}
	}
	if missing != nil { // it is made when there is something in it
		_ = os.Remove(o.report)
	}
	return f.Close()
}

// permitDrill says what will be broken, and asks.
func (s streams) permitDrill(ctx context.Context, o drillOptions, cluster string) error {
	on := o.Node
	if on == "" {
		on = "the VIP's holder"
	}
	for _, f := range o.Faults {
		s.say("will break %s: %s: %s; put back: %s", on, f.Name, f.Does, f.Mends)
	}
	if o.yes {
		return nil
	}
	times := ""
	if o.Rounds != 1 {
		times = fmt.Sprintf(", %d times", o.Rounds)
	}
	return s.confirm(ctx, fmt.Sprintf("Break cluster %s like this, one at a time for %s each%s?", cluster, o.Lasts, times))
}

// sayNoes prints the checks that did not pass.
func (s streams) sayNoes(p *verdict.Proof) {
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
func (s streams) judge(o drillOptions, report *drill.Report, proof *verdict.Proof, err error) error {
	if report != nil && len(report.Runs) > 0 {
		if printErr := s.writeDrill(o, report); printErr != nil && err == nil {
			err = printErr
		}
	}
	var unproven *verdict.ProofError
	if errors.As(err, &unproven) && proof != nil {
		s.sayNoes(proof)
		return &noError{"not proven after the drill"}
	}
	if err != nil || o.base == nil {
		return err
	}
	worse := drill.Regressions(*o.base, report.Summary(), o.tolerance)
	for _, w := range worse {
		s.say("worse: %s", w)
	}
	if len(worse) > 0 {
		return &noError{"worse than " + o.baseline}
	}
	s.say("no worse than %s", o.baseline)
	return nil
}

// writeDrill prints what was measured, whether the page can be written or not.
func (s streams) writeDrill(o drillOptions, report *drill.Report) error {
	pageErr := writePage(o.report, report)
	if o.format == "json" {
		return errors.Join(pageErr, s.printJSON(report.Summary()))
	}
	return errors.Join(pageErr, report.WriteText(s.out))
}

// writePage writes the page for others, whole or not at all; "" for file: none is
// asked for.
func writePage(file string, report *drill.Report) error {
	if file == "" {
		return nil
	}
	var page bytes.Buffer
	if err := report.WriteHTML(&page); err != nil {
		return err
	}
	return renameio.WriteFile(file, page.Bytes(), 0o644, renameio.WithTempDir(filepath.Dir(file)))
}
