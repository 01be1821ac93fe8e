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

// BindAddress has HAProxy on VIP:6443 and every apiserver bound to its own
// node's address.
const BindAddress Exposure = "bind-address"

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
	VIP          netip.Addr
	DNSName      string // that clients use instead of the VIP; may be empty
	Port         uint16 // of the apiservers, and of the VIP
	Nodes        []Node // control-plane nodes in the order of the file, at least one
	Workers      []Node // nodes without an apiserver, in the order of the file
	SSH          SSH    // what all nodes share, for nodes that are not in the file any more
	Certificates Care   // of the apiservers: the names that they are for
	Endpoint     Care   // what kubeconfigs and the cluster's own records point at
	Firewall     Care   // of the nodes, where one is active
	VRRP         VRRP
	HAProxy      HAProxy

	WorkerBalancer *WorkerBalancer `json:",omitempty"` // nil: workers go through the VIP

	// Positions of values in the file, for problems that are found later, on
	// the nodes: the key is a path like "vip" or "nodes[1].address".
	Positions map[string]Position
}

// EndpointHost is where clients find the apiservers: the DNS name, or the VIP.
func (c *Cluster) EndpointHost() string {
	return cmp.Or(c.DNSName, c.VIP.String())
}

// EndpointURL is what a kubeconfig that goes through the VIP says.
func (c *Cluster) EndpointURL() string {
	return "https://" + net.JoinHostPort(c.EndpointHost(), strconv.Itoa(int(c.Port)))
}

// Node is one node. A worker has no Interface, Subnet and Priority.
type Node struct {
	Name      string
	Worker    bool
	Address   netip.Addr   // the apiserver's own address, and VRRP's source
	Subnet    netip.Prefix // of Address, when the inventory says it; holds the VIP
	Interface string       // empty: the one that holds Address, found on the node
	Priority  int          // VRRP priority, 1 to 254, distinct in the cluster
	SSH       SSH
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
}

// HAProxy holds what a person may tune in haproxy.cfg.
type HAProxy struct {
	Balance     string // leastconn, roundrobin
	MaxConn     int    // connections at once
	MonitorPort uint16 // on 127.0.0.1: liveness, statistics and metrics
	Timeouts    Timeouts
	Check       Check
}

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
