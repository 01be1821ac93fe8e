package cmd

import (
	"fmt"

	"github.com/spf13/cobra"
)

// addOutput gives a command -o text|json.
func addOutput(c *cobra.Command, format *string) {
	c.Flags().StringVarP(format, "output", "o", "text", "text or json")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp)) // the flag exists
}

func checkOutput(format string) error {
	if format != "text" && format != "json" {
		return &usageError{fmt.Errorf("output must be text or json, not %q", format)}
	}
	return nil
}
