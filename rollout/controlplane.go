package rollout

import (
	"context"
	"crypto/x509"
	"errors"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
)

// controlPlane is how the apiservers are reached with the connections to nodes
// that there are now. ca may be nil where nothing is asked over TLS.
func (r *Rollout) controlPlane(ca *x509.CertPool) *apiserver.ControlPlane {
	r.mu.Lock()
	defer r.mu.Unlock()
	through := make(map[string]DialFunc, len(r.hosts))
	for name, h := range r.hosts {
		through[name] = h.DialContext
	}
	return &apiserver.ControlPlane{
		Cluster: r.Cluster, CA: ca, Dial: r.fromHere(), Through: through, Absent: r.absent, Credentials: r.administrator,
		NoRoute: func(err error) bool {
			var host *remote.Error
			return errors.As(err, &host)
		},
	}
}

// connection is the connection to a node that there is now; nil: none.
func (r *Rollout) connection(n inventory.Node) node.Host {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hosts[n.Name]
}

// quorate wants the control plane to work without the apiserver of a node.
func (r *Rollout) quorate(ctx context.Context, without inventory.Node) error {
	ca, err := r.authority()
	if err != nil {
		return err
	}
	return r.controlPlane(ca).Quorate(ctx, without)
}

// apiserverClient speaks with an apiserver as the cluster's administrator.
func (r *Rollout) apiserverClient(ctx context.Context) (*apiserver.Client, error) {
	ca, err := r.authority()
	if err != nil {
		return nil, err
	}
	return r.controlPlane(ca).Client(ctx)
}
