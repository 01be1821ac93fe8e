// Package cmd is kplb's command line: it parses, calls, and prints.
package cmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

const rootLong = `kplb gives a Kubernetes control plane one address that stays up: HAProxy and
keepalived on every control-plane node, from one inventory file, over SSH.

Results go to stdout, progress and diagnostics to stderr. Exit codes: 0 done, or
no difference; 1 the answer is no (differences, a failed proof); 2 usage or
inventory; 3 failed, everything as before; 4 failed, some nodes changed; 130
interrupted. Flags can be set as KPLB_* variables: KPLB_INVENTORY=cluster.yaml.`

const rootExample = `  kplb trust  -i cluster.yaml   record the nodes' SSH host keys
  kplb diff   -i cluster.yaml   what would change on the nodes, and what that does
  kplb apply  -i cluster.yaml   change it, and prove /healthz through the VIP`

// Main runs kplb and returns its exit code.
func Main(args []string, in io.Reader, out, err io.Writer) int {
	// a reader that has gone away is an error of the write, not the end: what has begun is still brought to its end
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := interruptible(context.Background())
	defer stop()
	return run(ctx, args, streams{in: in, out: out, err: err})
}

// run is Main, with everything that a test replaces.
func run(ctx context.Context, args []string, s streams) int {
	root := newRoot(&s) //nolint:contextcheck // the commands get it from cobra
	root.SetArgs(args)
	return s.exit(ctx, root.ExecuteContext(ctx))
}

// interruptible ends the context with the first signal: what has begun is
// brought to its end, or taken back. The second one ends kplb at once: the
// nodes take back by themselves what was not confirmed.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	signalled, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// a context of its own, as errors would name the signal that is the cause of the other one
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(signalled, func() {
		stop()
		cancel()
	})
	return ctx, func() {
		stop()
		cancel()
	}
}

func newRoot(s *streams) *cobra.Command {
	root := &cobra.Command{
		Use:           "kplb",
		Short:         "One address for a Kubernetes control plane that stays up",
		Long:          rootLong,
		Example:       rootExample,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          unknownCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },

		SuggestionsMinimumDistance: 2,
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	settings := &settings{}
	settings.AddFlags(root.PersistentFlags())
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error {
		err := settings.load(c)
		s.color = settings.Color
		return err
	}
	base := command{s, settings}
	root.AddCommand(
		newRender(base), newTemplates(s), newSimulate(base), newDiff(base), newApply(base),
		newVerify(base), newDoctor(base), newTrust(base), newStatus(base),
		newDrill(base), newConfirm(base), newHistory(base), newRollback(base), newRemove(base), newUnlock(base), newExport(base), newVersion(s),
	)
	for _, c := range root.Commands() {
		c.Args = usageArgs(c.Args)
	}
	return root
}

// unknownCommand is what a word that is no command gets.
func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	meant := ""
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		meant = ", did you mean " + strings.Join(near, " or ") + "?"
	}
	return &usageError{fmt.Errorf("unknown command %q%s", args[0], meant)}
}

// usageArgs makes a wrong number of arguments a usage error.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if check == nil {
			check = cobra.NoArgs
		}
		if err := check(c, args); err != nil {
			return &usageError{err}
		}
		return nil
	}
}
