package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
)

// credentials are the client certificate of a control-plane node's admin.conf,
// read when it is first needed. It stays in memory.
func (f *Fleet) credentials(ctx context.Context) (*tls.Certificate, error) {
	f.administratorMu.Lock()
	defer f.administratorMu.Unlock()
	if f.administrator != nil {
		return f.administrator, nil
	}
	errs := []error{errors.New("no control-plane node gives its " + kubeadm.AdminPath)}
	for _, n := range f.Present() {
		h, err := f.Connect(ctx, n)
		if err == nil {
			if f.administrator, err = administratorOf(ctx, h); err == nil {
				return f.administrator, nil
			}
		}
		errs = append(errs, fmt.Errorf("%s: %w", n.Name, err))
	}
	return nil, errors.Join(errs...)
}

func administratorOf(ctx context.Context, h node.Host) (*tls.Certificate, error) {
	kubeconfig, err := node.AdminKubeconfig(ctx, h)
	if err != nil {
		return nil, err
	}
	pair, err := apiserver.KeyPair(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("%s %w", kubeadm.AdminPath, err)
	}
	return pair, nil
}
