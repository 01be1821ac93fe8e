package inventory

import (
	"cmp"
	"net"
	"net/netip"
	"strconv"
)

// EndpointHost is where clients find the apiservers: the DNS name, or the VIP.
func (c *Cluster) EndpointHost() string {
	return cmp.Or(c.DNSName, c.VIP.String())
}

// EndpointAddress is where clients find the apiservers: host:port.
func (c *Cluster) EndpointAddress() string {
	return net.JoinHostPort(c.EndpointHost(), strconv.Itoa(int(c.Entrance().Port())))
}

// EndpointURL is what a kubeconfig that goes through the VIP says.
func (c *Cluster) EndpointURL() string { return "https://" + c.EndpointAddress() }

// Entrance is the VIP with the port that clients use.
func (c *Cluster) Entrance() netip.AddrPort {
	if c.Exposure == OtherPort {
		return c.Frontend()
	}
	return netip.AddrPortFrom(c.VIP, c.Port)
}

// APIServerAddress is where the apiserver of a node listens by itself.
func (c *Cluster) APIServerAddress(n Node) netip.AddrPort {
	return netip.AddrPortFrom(n.Address, c.Port)
}

// ClientNames are the names and addresses by which clients find the apiservers:
// the certificates have to be for all of them.
func (c *Cluster) ClientNames() []string {
	var out []string
	for _, vip := range c.VIPs {
		out = append(out, vip.String())
	}
	if c.DNSName != "" {
		out = append(out, c.DNSName)
	}
	return out
}

// MovesClients says whether kplb moves clients to the VIP, or has the
// certificates issued for it.
func (c *Cluster) MovesClients() bool { return c.Endpoint != Leave || c.Certificates != Leave }

// Frontend is the VIP with the port that HAProxy listens on.
func (c *Cluster) Frontend() netip.AddrPort { return netip.AddrPortFrom(c.VIP, c.HAProxy.Port) }

// Entrances are the VIPs with the port that clients use.
func (c *Cluster) Entrances() []netip.AddrPort { return withPort(c.VIPs, c.Entrance().Port()) }

// Frontends are the VIPs with the port that HAProxy listens on.
func (c *Cluster) Frontends() []netip.AddrPort { return withPort(c.VIPs, c.HAProxy.Port) }

func withPort(vips []netip.Addr, port uint16) []netip.AddrPort {
	out := make([]netip.AddrPort, len(vips))
	for i, vip := range vips {
		out[i] = netip.AddrPortFrom(vip, port)
	}
	return out
}
