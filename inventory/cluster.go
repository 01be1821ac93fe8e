// Package inventory turns an inventory file into a checked, defaulted Cluster.
//
// Everything from the file is hostile until it is typed here: addresses are
// netip types, names are RFC 1123 names, durations and ports have ranges, and
// no string that reaches a template can hold a newline, a quote or a control
// character. All problems of a file are reported at once, each with its
// position. The package does no I/O beyond the bytes it is given.
package inventory

import (
	"cmp"
	"net"
	"net/netip"
	"strconv"
	"time"
)

// Exposure is the way in which clients reach the apiservers through the VIP.
type Exposure string

// The exposures. With the apiservers' port being 6443:
const (
	// BindAddress has HAProxy on VIP:6443 and every apiserver bound to its own
	// node's address.
	BindAddress Exposure = "bind-address"
	// SharedPort has HAProxy on VIP:6443 beside apiservers that keep every
	// address, with --permit-port-sharing=true: the kernel gives a connection to
	// the socket whose address is the more specific one.
	SharedPort Exposure = "shared-port"
	// Redirect has HAProxy on VIP:8443, and nftables sends it what is for
	// VIP:6443. The apiservers are left alone.
	Redirect Exposure = "redirect"
	// OtherPort has HAProxy, and so the clients, on VIP:8443. The apiservers are
	// left alone.
	OtherPort Exposure = "port"
	// IPVS has no HAProxy: the kernel of the node that holds the VIP sends what
	// is for VIP:6443 to the apiservers, as keepalived's virtual_server tells it.
	// The apiservers are left alone.
	IPVS Exposure = "ipvs"
)

// SharesPort says whether HAProxy listens on the apiservers' own port.
func (e Exposure) SharesPort() bool { return e == BindAddress || e == SharedPort }

// Distribution is what installed Kubernetes on the nodes.
type Distribution string

// Kubeadm clusters run the apiserver as a static pod from a manifest.
const Kubeadm Distribution = "kubeadm"

// Care says whether kplb looks after a part of the cluster.
type Care string

// What kplb leaves alone, and what it brings to where the inventory wants it.
const (
	Leave     Care = "leave"
	Manage    Care = "manage"
	ManageAll Care = "manage-all" // of the endpoint: the kubelets of control-plane nodes, too
)

// Cluster is an inventory that has been checked and completed. It is not
// changed after Parse returns it.
type Cluster struct {
	Name         string
	Distribution Distribution
	Exposure     Exposure
	Profile      Profile
	VIP          netip.Addr // the first one
	DNSName      string     // that clients use instead of the VIP; may be empty
	Port         uint16     // of the apiservers
	Nodes        []Node     // control-plane nodes in the order of the file, at least one
	Workers      []Node     // nodes without an apiserver, in the order of the file
	SSH          SSH        // what all nodes share, for nodes that are not in the file any more
	Certificates Care       // of the apiservers: the names that they are for
	Endpoint     Care       // what kubeconfigs and the cluster's own records point at
	Firewall     Care       // of the nodes, where one is active
	VRRP         VRRP
	HAProxy      HAProxy
	Services     []Service `json:",omitempty"` // TCP ports of the VIP beside the apiservers', in the order of the file
	Metrics      *Metrics  `json:",omitempty"` // for Prometheus, beside HAProxy's monitor page; nil: nothing
	IPVS         IPVSConfig
	APIServer    APIServer

	VIPs      []netip.Addr          // all of them, in the order of the file
	Preferred map[netip.Addr]string // the node that has a VIP while it is well, where one does

	WorkerBalancer *WorkerBalancer `json:",omitempty"` // nil: workers go through the VIP

	// Positions of values in the file, for problems that are found later, on
	// the nodes: the key is a path like "vip" or "nodes[1].address".
	Positions map[string]Position
}

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

// Node is one node. A worker has no Interface, Subnet and Priority.
type Node struct {
	Name      string
	Worker    bool
	Address   netip.Addr   // the apiserver's own address
	Subnet    netip.Prefix // of Address, when the inventory says it; holds the VIP
	Interface string       // empty: the one that holds Address, found on the node
	Priority  int          // VRRP priority, 1 to 254, distinct in the cluster
	SSH       SSH
	Addresses []netip.Addr      // Address, and the one of the other family, if the inventory says it
	Subnets   []netip.Prefix    // of Addresses; those that the inventory says
	Labels    map[string]string `json:",omitempty"` // that services select nodes by
}

// SSH says how to log in to a node. Zero fields are left to ssh_config.
type SSH struct {
	Host          string // an address, a name or an ssh_config alias; default: the node's address
	User          string
	Port          uint16
	IdentityFiles []string
	ProxyJump     []string // hops, each [user@]host[:port]
}

// VRRP holds what all VRRP instances of the cluster share.
type VRRP struct {
	Version         int // 2 or 3
	VirtualRouterID int // 1 to 255, derived from the cluster's name when left out
	AdvertInterval  time.Duration
	Auth            *Secret // VRRP version 2 only; nil: none. Not a protection: it is sent in clear text
	Extra           VRRPExtra
	Mode            Mode // who gets the adverts
	Failback        bool // the node of the highest priority that is well has the VIP, and takes it back when it returns
	Watch           Watch
}

// Mode is how adverts are sent. Speakers of two modes do not hear each other.
type Mode string

// Adverts go to each of the other nodes, or to everybody on the network.
const (
	Unicast   Mode = "unicast"
	Multicast Mode = "multicast"
)

// Lingering is how long the VIP stays on a node whose keepalived was killed:
// until the next node has it, so that somebody answers all the time.
func (v VRRP) Lingering() time.Duration { return 4 * v.AdvertInterval }

// HAProxy holds what a person may tune in haproxy.cfg.
type HAProxy struct {
	Port        uint16 // on the VIP
	Balance     string // leastconn, roundrobin
	MaxConn     int    // connections at once
	MonitorPort uint16 // on 127.0.0.1: liveness, statistics and metrics
	Timeouts    Timeouts
	Check       Check
	// Unacknowledged is after how long without an acknowledgement of its kernel the
	// connections to an apiserver are closed. It is a profile's.
	Unacknowledged time.Duration
	Extra          HAProxyExtra
	PeersPort      uint16 // of the nodes' own addresses: what one HAProxy learns of a service's clients, all know
}

// HAProxyExtra are lines that stand at the end of sections, as a person wrote
// them. None of them begins another section.
type HAProxyExtra struct{ Global, Defaults, Frontend, Backend []string }

// VRRPExtra are lines that stand at the end of blocks of keepalived.conf, as a
// person wrote them. None of them opens or closes a block.
type VRRPExtra struct{ Global, Instance []string }

// Timeouts are HAProxy's, see its configuration manual, "timeout".
type Timeouts struct {
	Connect time.Duration // to a server; what a client waits at worst when one is cut off
	Client  time.Duration // idle client before a tunnel stands
	Server  time.Duration
	Tunnel  time.Duration // idle watch, exec, logs -f
	Check   time.Duration
}

// Check is how HAProxy looks at an apiserver's /readyz.
type Check struct {
	Interval time.Duration
	Fall     int
	Rise     int
}

// Fast is how soon HAProxy looks again at a server that is on its way from up
// to down or back.
func (c Check) Fast() time.Duration {
	return max(c.Interval/4, 50*time.Millisecond).Round(time.Millisecond)
}

// IPVSConfig is how keepalived looks after the kernel's virtual server, with
// exposure: ipvs.
type IPVSConfig struct{ Check ServerCheck }

// ServerCheck is how keepalived looks at an apiserver.
type ServerCheck string

// The checks. Neither of them verifies a certificate: keepalived does not.
const (
	CheckSSL ServerCheck = "ssl" // /readyz over TLS
	CheckTCP ServerCheck = "tcp" // a connection
)

// APIServer is how the apiservers are looked after.
type APIServer struct{ Restart Restart }

// Restart is how an apiserver restarts whose manifest has changed.
type Restart string

// The restarts. Kubelet carries out both.
const (
	// Quick ends an apiserver that has closed its port after a few seconds, and
	// has kubelet start the next one at once: some 10 s.
	Quick Restart = "quick"
	// Graceful leaves both to kubelet, which waits for watches that do not end, and
	// then for its own timer: some 45 s.
	Graceful Restart = "graceful"
)

// Secret names where a secret comes from. Exactly one field is set. The
// inventory never holds the secret itself.
type Secret struct {
	Env     string   // an environment variable of the operator
	File    string   // a file of the operator
	Command []string // a command of the operator that prints it
}

// Position is a place in the inventory file; lines and columns count from 1.
type Position struct {
	File         string
	Line, Column int
}
