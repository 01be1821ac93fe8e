package drill

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
)

// clientLocation is where the clients of the VIP are: here, or on a node that is not
// to be broken.
func clientLocation(ctx context.Context, f *fleet.Fleet, target inventory.Node) (apiserver.DialFunc, string, error) {
	at := f.Cluster.Entrance().String()
	works := func(dial apiserver.DialFunc) error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		c, err := dial(ctx, "tcp", at)
		if err != nil {
			return err
		}
		return c.Close()
	}
	here := apiserver.DialFunc((&net.Dialer{}).DialContext) // clients have patience of their own
	if f.Network != nil {
		here = f.Network
	}
	err := works(here)
	if err == nil {
		return here, "this machine", nil
	}
	errs := []error{fmt.Errorf("nobody reaches %s: from here: %w", at, err)}
	for _, n := range f.Present() {
		if h := f.Connection(n); h != nil && n.Name != target.Name {
			if err = works(h.DialContext); err == nil {
				return h.DialContext, n.Name + " (through SSH)", nil
			}
			errs = append(errs, err)
		}
	}
	return nil, "", errors.Join(errs...)
}

// newSampler makes one that asks the first VIP as any client of the cluster does.
func newSampler(f *fleet.Fleet, dial apiserver.DialFunc, o Options) (*Sampler, error) {
	control, err := f.ControlPlane()
	if err != nil {
		return nil, err
	}
	at := f.Cluster.Entrance()
	return &Sampler{
		Address: at.String(), Dial: dial, Every: o.Every, Limit: o.Limit, Held: len(f.Cluster.Nodes),
		TLS: apiserver.Trust(control.CA, at.Addr().String()),
	}, nil
}
