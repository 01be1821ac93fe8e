package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/workstation"
)

// settings are the operator's. What is wrong with them, and with what they name, is a
// usage error.
type settings struct{ workstation.Settings }

// load reads the settings of the command that runs.
func (s *settings) load(c *cobra.Command) error { return asUsage(s.Load(c.Flags())) }

// loadCluster reads and checks the inventory.
func (s *settings) loadCluster() (*inventory.Cluster, error) {
	c, err := s.Cluster()
	return c, asUsage(err)
}

// loadTemplates reads the built-in templates and the operator's.
func (s *settings) loadTemplates() (*render.Templates, error) {
	t, err := s.ParseTemplates()
	return t, asUsage(err)
}

// loadSecrets asks the sources that the inventory names.
func loadSecrets(ctx context.Context, c *inventory.Cluster) (render.Secrets, error) {
	secrets, err := workstation.Secrets(ctx, c)
	return secrets, asUsage(err)
}

// asUsage makes an error one of usage; problems of an inventory stay what they are: the
// help does not say how to mend them.
func asUsage(err error) error {
	var bad *workstation.InventoryError
	if err == nil || errors.As(err, &bad) {
		return err
	}
	return &usageError{err}
}
