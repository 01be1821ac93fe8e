package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/report"
	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/status"
	"github.com/kplb/kplb/terminal"
)

const statusLong = `Shows every node on one line: the state of its VRRP instances as keepalived has told the
journal (with a question mark: told from the address), the VIPs it holds, how many servers
its HAProxy has up, whether its apiserver is ready (HAProxy on every node asks /readyz all
the time), how long the apiserver's certificate is valid, its generation, how many files
drift from the inventory, and whose change is awaiting confirmation. Then the servers, as the
HAProxy of the VIP's holder sees them. Every node is asked once. Nothing is changed.

With --watch it goes on until Ctrl-C: in place on a terminal, block after block elsewhere.

Exits 0 if all nodes are as the inventory says and every VIP is on one of them, and 1 if
not; with --watch, what was seen last counts.`

type statusOptions struct {
	command
	format   string
	watch    bool
	interval time.Duration
}

func newStatus(base command) *cobra.Command {
	o := statusOptions{command: base}
	c := &cobra.Command{
		Use:   "status",
		Short: "Show the nodes, the VIP, servers, generations and drift",
		Long:  statusLong,
		Example: `  kplb status -i cluster.yaml
  kplb status -i cluster.yaml --watch --interval 1s`,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	c.Flags().BoolVarP(&o.watch, "watch", "w", false, "look again and again, until Ctrl-C")
	c.Flags().DurationVar(&o.interval, "interval", 2*time.Second, "how long after an answer a node is asked again, with --watch")
	addOutput(c, &o.format)
	o.set.AddSSHFlags(c.Flags())
	return c
}

func (o statusOptions) check() error {
	if o.interval < 100*time.Millisecond || o.interval > time.Hour {
		return &usageError{fmt.Errorf("interval must be between 100ms and 1h, not %s", o.interval)}
	}
	return checkOutput(o.format)
}

func (o statusOptions) run(ctx context.Context) error {
	if err := o.check(); err != nil {
		return err
	}
	if o.watch {
		return o.onNodes(ctx, nil, func(r *rollout.Rollout) error { return o.watchNodes(ctx, r) })
	}
	return o.shown(ctx, func(r *rollout.Rollout, _ *terminal.Progress) error {
		seen, err := status.Look(ctx, r.Fleet, r.NodePlanner(ctx))
		if err != nil {
			return err
		}
		if o.format == "json" {
			err = report.JSON(o.out, seen)
		} else {
			_, err = io.WriteString(o.out, report.Status(seen))
		}
		return errors.Join(err, judgeStatus(seen))
	})
}

// watchNodes ends with the answer that was seen last; interrupted before the
// first one, with the context's error.
func (o statusOptions) watchNodes(ctx context.Context, r *rollout.Rollout) error {
	answer := ctx.Err
	screen := terminal.NewScreen(o.out)
	err := status.Watch(ctx, r.Fleet, r.NodePlanner(ctx), o.interval, func(seen *status.Status) error {
		answer = func() error { return judgeStatus(seen) }
		if o.format == "json" {
			return report.JSON(o.out, seen)
		}
		return screen.Show(time.Now().Format(time.TimeOnly) + "  " + report.Status(seen))
	})
	if err != nil {
		return err
	}
	return answer()
}

// judgeStatus is nil where nothing is to be done.
func judgeStatus(seen *status.Status) error {
	if seen.AsPlanned() {
		return nil
	}
	return &unwellError{noError{"not every node is as the inventory says, or a VIP is not on one node"}, seen.Failed}
}

// unwellError is the answer no, with the hints of the nodes that could not be
// looked at. What is wrong there has been printed.
type unwellError struct {
	no     noError
	failed error
}

func (e *unwellError) Error() string   { return e.no.what }
func (e *unwellError) Unwrap() []error { return []error{&e.no, e.failed} }
