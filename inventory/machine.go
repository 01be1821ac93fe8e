package inventory

import "net/netip"

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
