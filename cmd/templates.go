package cmd

import (
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/templates"
)

func newTemplates(s *streams) *cobra.Command {
	return &cobra.Command{
		Use:   "templates [NAME]",
		Short: "List the built-in templates, or print one",
		Long: `Lists the built-in templates, or prints the one that is named.

A copy in a directory of yours, with the same name and given as --templates DIR,
takes its place. It is checked on the nodes like the built-in one.`,
		Example: `  kplb templates
  mkdir my && kplb templates haproxy.cfg.tmpl > my/haproxy.cfg.tmpl
  kplb diff -i cluster.yaml --templates my`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeTemplates,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listTemplates(s.out)
			}
			content, err := fs.ReadFile(templates.Builtin(), args[0])
			if err != nil {
				return &usageError{fmt.Errorf("no built-in template is named %q", args[0])}
			}
			_, err = s.out.Write(content)
			return err
		},
	}
}

func templateNames() []string {
	names, _ := fs.Glob(templates.Builtin(), "*.tmpl") // the pattern is well formed
	return names
}

func listTemplates(out io.Writer) error {
	for _, name := range templateNames() {
		if _, err := fmt.Fprintln(out, name); err != nil {
			return err
		}
	}
	return nil
}

func completeTemplates(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return templateNames(), cobra.ShellCompDirectiveNoFileComp
}
