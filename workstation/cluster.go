package workstation

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/templates"
)

// Cluster reads and checks the inventory. Where there are problems in it, the error is an
// *InventoryError.
func (s *Settings) Cluster() (*inventory.Cluster, error) {
	if s.Inventory == "" {
		return nil, errors.New("no inventory: name one with --inventory FILE")
	}
	data, err := os.ReadFile(s.Inventory)
	if err != nil {
		return nil, fmt.Errorf("inventory: %w", err)
	}
	c, err := inventory.Parse(s.Inventory, data)
	if err != nil {
		return nil, &InventoryError{err, data}
	}
	return c, nil
}

// InventoryError is an inventory with problems, and what it said.
type InventoryError struct {
	Err  error
	Data []byte // of the file
}

func (e *InventoryError) Error() string { return e.Err.Error() }

// Unwrap gives the problems.
func (e *InventoryError) Unwrap() error { return e.Err }

// ParseTemplates reads the built-in templates, and the operator's in their place.
func (s *Settings) ParseTemplates() (*render.Templates, error) {
	var override fs.FS
	if s.Templates != "" {
		if _, err := os.Stat(s.Templates); err != nil {
			return nil, fmt.Errorf("templates: %w", err)
		}
		override = os.DirFS(s.Templates)
	}
	t, err := render.Parse(templates.Builtin(), override)
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	return t, nil
}
