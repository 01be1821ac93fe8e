//go:build restarts

package restart

import (
	"context"
	"io"
	"os/exec"
)

// kubectl of the lab, where the operator is, through the apiserver at an address.
func (c *cluster) kubectl(ctx context.Context, stdin io.Reader, at string, args ...string) *exec.Cmd {
	cmd := c.Operator(ctx, append([]string{c.program, "--kubeconfig", c.State("admin.conf"), "--server", "https://" + at + ":6443"}, args...)...)
	cmd.Stdin = stdin
	return cmd
}
