package fleet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
)

// ControlPlane reaches the apiservers over the current connections to the nodes. Its
// error says that the inspected nodes do not have the same CA.
func (f *Fleet) ControlPlane() (*apiserver.ControlPlane, error) {
	ca, err := authority(f.Cluster.Nodes, f.Facts())
	if err != nil {
		return nil, err
	}
	absent := map[string]bool{}
	for name := range Absent(f) {
		absent[name] = true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	through := make(map[string]DialFunc, len(f.hosts))
	for name, h := range f.hosts {
		through[name] = h.DialContext
	}
	return &apiserver.ControlPlane{
		Cluster: f.Cluster, CA: ca, EtcdHealthURL: LayoutOf(f.Cluster).EtcdHealthURL, Dial: dialFromHere(f.Network), Through: through, Absent: absent, Credentials: func(ctx context.Context) (*tls.Certificate, error) { return f.administrator.of(ctx, f) },
		NoRoute: func(err error) bool {
			var host *remote.Error
			return errors.As(err, &host)
		},
	}, nil
}

// authority is the cluster's CA. It is an error if two nodes have different ones.
func authority(nodes []inventory.Node, facts map[string]*node.Facts) (*x509.CertPool, error) {
	var first string
	pool := x509.NewCertPool()
	for _, n := range nodes {
		found := facts[n.Name]
		if found == nil {
			continue
		}
		path, pem := found.Distribution.Layout().CA, authorityOf(found)
		switch {
		case len(pem) == 0:
			return nil, fmt.Errorf("%s: %s is not there", n.Name, path)
		case first == "":
			first = string(pem)
			if !pool.AppendCertsFromPEM(pem) {
				return nil, fmt.Errorf("%s: %s holds no certificate", n.Name, path)
			}
		case first != string(pem):
			return nil, fmt.Errorf("%s: %s differs from the other nodes': not one cluster", n.Name, path)
		}
	}
	return pool, nil
}

// CA is the cluster's CA in PEM, from the first inspected node; nil: no node was
// inspected.
func (f *Fleet) CA() []byte {
	facts := f.Facts()
	for _, n := range f.Present() {
		if found := facts[n.Name]; found != nil && len(authorityOf(found)) > 0 {
			return authorityOf(found)
		}
	}
	return nil
}

func authorityOf(f *node.Facts) []byte { return f.Files[f.Distribution.Layout().CA].Content }
