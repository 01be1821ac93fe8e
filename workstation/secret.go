package workstation

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/render"
)

// Secrets asks the sources that the inventory names: variables, files and commands of the
// operator. Without such a source there are none.
func Secrets(ctx context.Context, c *inventory.Cluster) (render.Secrets, error) {
	if c.VRRP.Auth == nil {
		return nil, nil
	}
	value, err := c.VRRP.Auth.Resolve(ctx, os.LookupEnv, readFile, runCommand)
	if err == nil {
		err = inventory.CheckAuthPass(value)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: vrrp.auth: %w", c.Positions.Of("vrrp.auth"), err)
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
