package rollouttest

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"io/fs"
	"maps"
	"net/netip"
	"os"

	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/keepalived"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/remote"
)

// Node is a node's state. Only Change may touch it.
type Node struct {
	Unreachable  bool
	Crashed      bool              // its apiserver, again and again
	SSHElsewhere bool              // its sshd has another port than kplb knows: it goes on working
	RefusesLogin bool              // its sshd: it goes on working
	Deaf         string            // why it does not listen to others
	Hears        []remote.Record   // of others on its network, as doctor.sh says them
	Refuses      map[string]string // by the name of a script: what it says instead of doing anything
	Files        map[string]File   // by absolute path
	Units        map[string]*Unit  // haproxy, keepalived and kubelet

	cluster     *Cluster
	name        string
	address     netip.Addr
	certificate tls.Certificate
	nonlocal    bool // net.ipv4.ip_nonlocal_bind

	lockedBy     *Host
	owner, token string

	staged, pending *change
	restored        string // what was taken back last, as the node writes it down
	generations     []generation
	drill           drill
}

// File is a regular file of root's.
type File struct {
	Mode    fs.FileMode
	Content []byte
}

// Unit is a unit of systemd.
type Unit struct{ Active, Enabled bool }

// state is what a generation keeps.
type state struct {
	files    map[string]File
	units    map[string]Unit
	nonlocal bool
}

// generation is a state that was confirmed. Number 0 is what was there before.
type generation struct {
	state
	number           int
	time, about, txn string
	record           []byte // of the cluster; nil: an older kplb has made it
	edited           string // the file that somebody has edited since
}

// manifestFile is what kubeadm writes on a node with the address 10.1.1.1, seen
// from the directory of a package at the top of the tree.
const manifestFile = "../testdata/kubeadm/good/genuine.yaml"

func newNode(c *Cluster, n inventory.Node) *Node {
	c.t.Helper()
	manifest, err := os.ReadFile(manifestFile)
	if err != nil {
		c.t.Fatal(err)
	}
	out := &Node{
		cluster: c, name: n.Name, address: n.Address, certificate: issue(c.t, c.authority, append(c.inventory.VIPs, n.Address)...),
		Refuses: map[string]string{}, Files: map[string]File{},
		Units: map[string]*Unit{"haproxy": {}, "keepalived": {}, "kubelet": {true, true}},
	}
	out.put(kubeadm.ManifestPath, 0o600, bytes.ReplaceAll(manifest, []byte("10.1.1.1"), []byte(n.Address.String())))
	out.put("/etc/kubernetes/pki/ca.crt", 0o644, c.authority.PEM)
	out.put("/etc/kubernetes/pki/apiserver.crt", 0o644, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: out.certificate.Certificate[0]}))
	out.put("/etc/haproxy/haproxy.cfg", 0o644, []byte("# Debian's own\nglobal\n\tdaemon\n"))
	return out
}

func (n *Node) put(path string, mode fs.FileMode, content []byte) {
	n.Files[path] = File{mode, content}
}

func (n *Node) save() state {
	s := state{maps.Clone(n.Files), map[string]Unit{}, n.nonlocal}
	for name, u := range n.Units {
		s.units[name] = *u
	}
	return s
}

func (n *Node) restore(s state) {
	n.Files, n.nonlocal = maps.Clone(s.files), s.nonlocal
	for name, u := range s.units {
		*n.Units[name] = u
	}
}

func (n *Node) unlock() { n.lockedBy, n.owner, n.token = nil, "", "" }

// speaks says whether the node takes part in the election of the VIP's holder.
func (n *Node) speaks() bool {
	config := keepalived.Parse(n.Files[keepalived.ConfigPath].Content)
	return !n.Unreachable && n.Units["keepalived"].Active && n.Units["haproxy"].Active &&
		keepalived.Held{Address: n.cluster.inventory.VIP}.CarriedOn(config.Holds())
}

// apiserver says whether one runs here.
func (n *Node) apiserver() bool {
	_, there := n.Files[kubeadm.ManifestPath]
	return there && !n.Unreachable && !n.Crashed
}

// listens is where the apiserver listens.
func (n *Node) listens() netip.Addr {
	m, err := kubeadm.ParseManifest(n.Files[kubeadm.ManifestPath].Content)
	if err != nil {
		return netip.Addr{}
	}
	value, _ := m.Flag("bind-address")
	if address, err := netip.ParseAddr(value); err == nil {
		return address
	}
	return netip.IPv6Unspecified()
}

// frontends is where the node's HAProxy listens.
func (n *Node) frontends() []netip.AddrPort {
	if !n.Units["haproxy"].Active {
		return nil
	}
	return haproxy.Parse(n.Files[haproxy.ConfigPath].Content).Binds()
}

// servers are those of the node's HAProxy.
func (n *Node) servers() []string {
	out := []string{}
	for _, s := range haproxy.Parse(n.Files[haproxy.ConfigPath].Content) {
		if s.ID() != "backend kube-apiserver" {
			continue
		}
		for _, server := range (haproxy.Config{s}).Servers() {
			out = append(out, server.Name)
		}
	}
	return out
}

// holds says whether the node has the VIP.
func (n *Node) holds() bool { return n.cluster.elect() == n.name }

// current is the number of the newest generation; 0: kplb was never here.
func (n *Node) current() int {
	if len(n.generations) == 0 {
		return 0
	}
	return n.generations[len(n.generations)-1].number
}
