package plan

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
)

// ErrOtherCluster is returned for a kubeconfig that has no server of this cluster.
var ErrOtherCluster = errors.New("is of another cluster")

// PointAtVIP returns a kubeconfig's bytes with the servers of this cluster, the
// one with this CA, set to its endpoint; nothing else in it changes. Its
// error says that a server is a tunnel on loopback or that the file cannot be edited; it
// is ErrOtherCluster if there is no server of this cluster.
func PointAtVIP(c *inventory.Cluster, source, ca []byte) ([]byte, error) {
	if err := refuseServers(source, ca); err != nil {
		return nil, err
	}
	return kubeadm.SetEndpoint(source, ca, c.EndpointURL())
}

// refuseServers refuses a kubeconfig that has no server of this cluster, or that has
// one on loopback that is not among ours: a tunnel of the user's.
func refuseServers(source, ca []byte, ours ...netip.AddrPort) error {
	endpoints, err := kubeadm.Endpoints(source, ca)
	if err != nil {
		return err
	}
	if len(endpoints) == 0 {
		return ErrOtherCluster
	}
	for _, e := range endpoints {
		u, err := url.Parse(e.Server)
		if err != nil {
			return fmt.Errorf("has a server that is not a URL in line %d", e.Line)
		}
		if isOneOf(e.Server, ours) {
			continue
		}
		if a, err := netip.ParseAddr(u.Hostname()); err == nil && a.IsLoopback() || u.Hostname() == "localhost" {
			return fmt.Errorf("goes through %s", u.Host)
		}
	}
	return nil
}
