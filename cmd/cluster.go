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

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/templates"
)

// loadCluster reads and checks the inventory.
func (s streams) loadCluster(set *settings) (*inventory.Cluster, error) {
	if set.Inventory == "" {
		return nil, &usageError{errors.New("no inventory: name one with --inventory FILE")}
	}
	data, err := os.ReadFile(set.Inventory)
	if err != nil {
		return nil, &usageError{fmt.Errorf("inventory: %w", err)}
	}
	c, err := inventory.Parse(set.Inventory, data)
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
func loadTemplates(set *settings) (*render.Templates, error) {
	var override fs.FS
	if set.Templates != "" {
		if _, err := os.Stat(set.Templates); err != nil {
			return nil, &usageError{fmt.Errorf("templates: %w", err)}
		}
		override = os.DirFS(set.Templates)
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

// onNodes does something with the nodes of the inventory's cluster.
func (s streams) onNodes(ctx context.Context, set *settings, report func(fleet.Event), do func(*rollout.Rollout) error) error {
	c, err := s.loadCluster(set)
	if err != nil {
		return err
	}
	t, err := loadTemplates(set)
	if err != nil {
		return err
	}
	secrets, err := loadSecrets(ctx, c)
	if err != nil {
		return err
	}
	nodes := &fleet.Fleet{Cluster: c, Dial: s.dialer(set), Network: s.machines.network, OnEvent: report, Operator: operator()}
	r := &rollout.Rollout{Fleet: nodes, Templates: t, Secrets: secrets}
	defer r.Close()
	return do(r)
}

// change does something that may change the nodes, and shows its progress.
func (s streams) change(ctx context.Context, set *settings, o applyOptions, do func(*rollout.Rollout, *progress) error) error {
	if err := o.check(); err != nil {
		return err
	}
	return s.shown(ctx, set, do)
}

// shown does something with the nodes, and shows its progress.
func (s streams) shown(ctx context.Context, set *settings, do func(*rollout.Rollout, *progress) error) error {
	p := s.newProgress()
	defer p.stop()
	s.err = p
	return s.onNodes(ctx, set, p.event, func(r *rollout.Rollout) error { return do(r, p) })
}
