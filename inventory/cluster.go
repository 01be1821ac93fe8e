// Package inventory turns an inventory file into a checked, defaulted Cluster.
//
// Everything from the file is hostile until it is typed here: addresses are
// netip types, names are RFC 1123 names, durations and ports have ranges, and
// no string that reaches a template can hold a newline, a quote or a control
// character. All problems of a file are reported at once, each with its
// position. The package does no I/O beyond the bytes it is given.
package inventory

import (
	"net/netip"

	"github.com/kplb/kplb/source"
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

	Positions source.Positions // for problems that are found later, on the nodes

	// Text is the file in one form, without its comments: Parse makes the same Cluster
	// of it. Sources of secrets are in it, and no secret.
	Text []byte `json:"-"`
}
