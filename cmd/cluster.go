package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/templates"
)

// loadCluster reads and checks the inventory.
func (s *settings) loadCluster() (*inventory.Cluster, error) {
	if s.Inventory == "" {
		return nil, &usageError{errors.New("no inventory: name one with --inventory FILE")}
	}
	data, err := os.ReadFile(s.Inventory)
	if err != nil {
		return nil, &usageError{fmt.Errorf("inventory: %w", err)}
	}
	c, err := inventory.Parse(s.Inventory, data)
	if err != nil {
		return nil, &inventoryError{err, data}
	}
	return c, nil
}

// inventoryError is an inventory with problems, and what it said.
type inventoryError struct {
	error
	data []byte
}

func (e *inventoryError) Unwrap() error { return e.error }

// loadTemplates reads the built-in templates and the user's.
func (s *settings) loadTemplates() (*render.Templates, error) {
	var override fs.FS
	if s.Templates != "" {
		if _, err := os.Stat(s.Templates); err != nil {
			return nil, &usageError{fmt.Errorf("templates: %w", err)}
		}
		override = os.DirFS(s.Templates)
	}
	t, err := render.Parse(templates.Builtin(), override)
	if err != nil {
		return nil, &usageError{fmt.Errorf("templates: %w", err)}
	}
	return t, nil
}

// loadSecrets asks the sources that the inventory names.
func loadSecrets(ctx context.Context, c *inventory.Cluster) (render.Secrets, error) {
	if c.VRRP.Auth == nil {
		return nil, nil
	}
	value, err := c.VRRP.Auth.Resolve(ctx, os.LookupEnv, readFile, runCommand)
	if err == nil {
		err = inventory.CheckAuthPass(value)
	}
	if err != nil {
		return nil, &usageError{fmt.Errorf("%s: vrrp.auth: %w", c.Positions.Of("vrrp.auth"), err)}
	}
	return render.Secrets{render.VRRPAuth: value}, nil
}

// readFile reads a file of the operator; ~/ is the home directory.
func readFile(path string) ([]byte, error) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, err
		}
		path = filepath.Join(home, rest)
	}
	return os.ReadFile(path)
}

func runCommand(ctx context.Context, argv []string) ([]byte, error) {
	var out bytes.Buffer
	command := exec.CommandContext(ctx, argv[0], argv[1:]...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, &out, os.Stderr
	err := command.Run()
	return out.Bytes(), err
}
