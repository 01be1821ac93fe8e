package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/node"
)

// administrator is the client certificate of a control-plane node's admin.conf. It is
// read when it is first needed, and stays in memory.
type administrator struct {
	mu   sync.Mutex
	pair *tls.Certificate
}

func (a *administrator) of(ctx context.Context, f *Fleet) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pair != nil {
		return a.pair, nil
	}
	path := LayoutOf(f.Cluster).AdminKubeconfigs[0]
	errs := []error{errors.New("no control-plane node's " + path + " could be read")}
	for _, n := range f.Present() {
		h, err := f.Connect(ctx, n)
		if err == nil {
			if a.pair, err = readAdministrator(ctx, h, path); err == nil {
				return a.pair, nil
			}
		}
		errs = append(errs, fmt.Errorf("%s: %w", n.Name, err))
	}
	return nil, errors.Join(errs...)
}

func readAdministrator(ctx context.Context, h node.Host, path string) (*tls.Certificate, error) {
	kubeconfig, err := node.AdminKubeconfig(ctx, h, path)
	if err != nil {
		return nil, err
	}
	pair, err := apiserver.KeyPair(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	return pair, nil
}
