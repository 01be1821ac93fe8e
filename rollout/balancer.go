package rollout

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/verify"
)

// awaitBalancer waits until a worker's balancer reaches an apiserver that is ready.
func awaitBalancer(ctx context.Context, f *fleet.Fleet, n inventory.Node, at netip.AddrPort) error {
	control, err := f.ControlPlane()
	if err != nil {
		return err
	}
	err = fleet.Retry{Patience: vipPatience}.Do(ctx, func() error { return verify.ThroughBalancer(ctx, f, control, n, at) })
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%s: its kubelet is not moved to %s: %w", n.Name, at, err)
}
