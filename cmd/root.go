// Package cmd is kplb's command line: it parses, calls, and prints.
package cmd

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

const rootLong = `kplb gives a Kubernetes control plane one address that stays up: HAProxy and
keepalived on every control-plane node, rendered from one inventory file, rolled
out over SSH, and proven through the virtual IP.

  kplb trust  -i cluster.yaml    record the nodes' SSH host keys, after you have looked at them
  kplb diff   -i cluster.yaml    what would change on the nodes, and what that does
  kplb apply  -i cluster.yaml    change it, one node after the other, and prove /healthz through the VIP
  kplb verify -i cluster.yaml    prove it again, any time

Results go to stdout, progress and diagnostics to stderr.
Exit codes: 0 done, or no difference; 1 the answer is no (differences, a failed
proof); 2 usage or inventory; 3 failed, everything as before; 4 failed, some
nodes changed; 130 interrupted.`

// streams are the command's standard streams.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// Main runs kplb and returns its exit code.
func Main(args []string, in io.Reader, out, err io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	s := streams{in, out, err}
	root := newRoot(s)
	root.SetArgs(args)
	return s.exit(ctx, root.ExecuteContext(ctx))
}

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:           "kplb",
		Short:         "One address for a Kubernetes control plane that stays up",
		Long:          rootLong,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	settings := newSettings()
	settings.addFlags(root.PersistentFlags())
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error { return settings.load(c) }
	root.AddCommand(
		newRender(s, settings), newTemplates(s, settings), newDiff(s, settings), newApply(s, settings),
		newVerify(s, settings), newTrust(s, settings), newVersion(s),
	)
	for _, c := range root.Commands() {
		c.Args = usageArgs(c.Args)
	}
	return root
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
