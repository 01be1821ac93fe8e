package plan

import (
	"net/netip"
	"net/url"
	"slices"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
)

// throughBalancer says whether the worker's kubelet is configured to use the
// balancer that kplb has made.
func throughBalancer(f *node.Facts) bool {
	l := f.Distribution.Layout()
	endpoints, err := kubeadm.Endpoints(f.Files[l.KubeletKubeconfig].Content, f.Files[l.CA].Content)
	return err == nil && slices.ContainsFunc(endpoints, func(e kubeadm.Endpoint) bool { return isOneOf(e.Server, balancers(f)) })
}

// isOneOf says whether the URL of a kubeconfig's server has one of the addresses.
func isOneOf(server string, addresses []netip.AddrPort) bool {
	u, err := url.Parse(server)
	if err != nil {
		return false
	}
	at, err := netip.ParseAddrPort(u.Host)
	return err == nil && slices.Contains(addresses, at)
}

// pointAtBalancer returns a kubelet's kubeconfig that uses the worker's balancer.
// The certificates of apiservers are not for loopback: tls-server-name is a name
// that they have.
func pointAtBalancer(c *inventory.Cluster, source, ca []byte, ours []netip.AddrPort) ([]byte, error) {
	if err := refuseServers(source, ca, ours...); err != nil {
		return nil, err
	}
	return kubeadm.SetEndpointAs(source, ca, c.WorkerBalancer.URL(), apiserver.SharedName)
}

// pointAway returns a kubelet's kubeconfig for a balancer that is removed: it has
// the servers of before kplb, or the VIP where kplb manages the endpoint.
func pointAway(c *inventory.Cluster, f *node.Facts, source, ca []byte, s *node.Snapshot) ([]byte, error) {
	if !throughBalancer(f) {
		return PointAtVIP(c, source, ca)
	}
	back, err := kubeadm.EndpointsLikeIn(source, s.Files[f.Distribution.Layout().KubeletKubeconfig].Content, ca)
	if err != nil || c.Endpoint == inventory.Leave {
		return back, err
	}
	return kubeadm.SetEndpoint(back, ca, c.EndpointURL())
}
