// Package distribution says what kplb has to know of a distribution of
// Kubernetes: where it keeps its files, how its apiserver is told flags, and how
// a name gets into a certificate. Package kubeadm is one; package fleet says
// which one a cluster has. The package is pure.
package distribution

import "net/netip"

// Distribution is how Kubernetes was installed on the nodes of a cluster. A config
// is the content of the file APIServerConfig. Edits keep everything else in it as
// it is, and return the same bytes where there is nothing to change.
type Distribution interface {
	Layout() Layout

	// Flag returns the value of a flag of a component, and whether it is set. It
	// refuses where that would be a guess.
	Flag(config []byte, component, name string) (value string, set bool, err error)

	// BindAddress is the value that BindTo sets, and whether it is set.
	BindAddress(config []byte) (value string, set bool, err error)
	// BindTo has the apiserver listen on one address only.
	BindTo(config []byte, address netip.Addr) ([]byte, error)
	// Unbind takes back what BindTo does with this address.
	Unbind(config []byte, address netip.Addr) ([]byte, error)

	// Share has the apiserver let others listen on its port, on addresses that are
	// more specific than its own.
	Share(config []byte) ([]byte, error)
	// Unshare takes back what Share does.
	Unshare(config []byte) ([]byte, error)

	// LikeIn sets what BindTo and Share set to what an earlier config has.
	LikeIn(config, earlier []byte) ([]byte, error)

	// CertificateConfig is what the serving certificate of a node's apiserver is
	// issued from, for these names and addresses: made of the cluster's own
	// configuration.
	CertificateConfig(configuration []byte, node string, address netip.Addr, names []string) ([]byte, error)
	// IssueIn has the issuer of a CertificateConfig read the CA in a directory, and
	// write the certificate and its key there.
	IssueIn(certificateConfig []byte, dir string) []byte
}

// Components whose flags are read.
const (
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
)
