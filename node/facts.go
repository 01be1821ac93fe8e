package node

import (
	"io/fs"
	"net/netip"
	"strings"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/render"
)

// Facts is what one inspection found on a node. Nothing in it is trusted: it
// is typed, and its strings are free of control characters.
type Facts struct {
	Distribution distribution.Distribution // of the cluster

	Arch             string
	OS               OS
	Addresses        []Address
	Listeners        []Listener // on the apiserver's port (a worker's: its balancer's), HAProxy's own, and those of services
	Units            map[string]Unit
	Processes        []Process // of HAProxy and keepalived, whoever has started them
	NonlocalBind     bool
	HAProxy          Package
	Keepalived       Package
	Files            map[string]File                  // by absolute path; only those that are there
	Kubeconfigs      []string                         // in the homes of root and of the login, that are there
	Manifests        []string                         // file names in the manifests directory
	NFT              bool                             // nft is installed
	Redirect         string                           // kplb's own table of nftables, in nft's words; empty: there is none
	OtherFirewall    string                           // a firewall that drops what comes in, and is not ufw: firewalld, or a chain of nftables
	KubeletConnected bool                             // the kubelet, to where the inventory has it
	Servers          []haproxy.ServerState            // as the node's HAProxy sees them; nil: it does not answer
	Backends         map[string][]haproxy.ServerStats // of all of its backends, by name; nil: it does not answer

	NonlocalBind6 bool // of IPv6

	Kernel      Kernel            // asked with exposure: ipvs, and where that is to be left
	RealServers []RealServer      // by the kernel, likewise; nil: it has no virtual server of kplb's
	Settings    map[string]string // of the kernel that ipvs needs, likewise; those that are there

	VRRP map[string]string // the states that the running keepalived has told the journal last, by instance; only where it was asked for

	Recorded        Recorded // of the current generation
	PendingRecorded Recorded // that the change which is not confirmed makes the current one
	Unknown         []string // paths in places of kplb's that this kplb does not know

	LockedBy string // another operator, who is at work on the node, and since when; empty: nobody

	Sysctls map[string]string // what the kernel says to the settings of kplb's file; only for an Audit
}

// OS is what /etc/os-release says.
type OS struct{ ID, Like, Version string }

// Debian says whether packages are installed with apt.
func (o OS) Debian() bool {
	return o.ID == "debian" || strings.Contains(" "+o.Like+" ", " debian ")
}

func (o OS) String() string { return strings.TrimSpace(o.ID + " " + o.Version) }

// Address is one address of one interface.
type Address struct {
	Interface string
	Prefix    netip.Prefix // the address, with its subnet's length
}

// Listener is one listening TCP socket. An unspecified address means all.
type Listener struct {
	Address netip.AddrPort
	Process string // empty if unknown
	Outside string // of HAProxy: whose process it is, where it is not haproxy.service's
}

// IsHAProxy says whether haproxy.service listens here, and no other HAProxy.
func (l Listener) IsHAProxy() bool { return l.Process == HAProxyProcess && l.Outside == "" }

// Unit is one systemd unit, in systemctl's words.
type Unit struct {
	Load, Active, File string
	MainPID            int
	OpenFiles          uint64 // the hard limit

	Command, Environment, EnvironmentFiles []string // how it is started, in systemctl's words: ExecStart and so on
}

// Package is a daemon's package. Its version is zero where it is not
// installed.
type Package struct {
	Installed bool
	Version   render.Version
}

// File is one file, link or directory found on a node.
type File struct {
	Mode     fs.FileMode // type and permissions
	UID, GID int
	Content  []byte
}

// Bound says whether the apiserver listens on exactly this address.
func (f *Facts) Bound(a netip.AddrPort) bool {
	bound := false
	for _, l := range f.Listeners {
		if l.Process != f.Distribution.Layout().APIServerProcess {
			continue
		}
		if l.Address.Port() == a.Port() && l.Address.Addr().IsUnspecified() {
			return false
		}
		bound = bound || l.Address == a
	}
	return bound
}

// HAProxyProcess is HAProxy's name in ss.
const HAProxyProcess = "haproxy"
