package rollouttest

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// say reports a record, as a script does.
type say func(key string, fields ...string)

// all reports several.
func (s say) all(records []remote.Record) {
	for _, r := range records {
		s(r.Key, r.Fields...)
	}
}

// inspect answers as inspect.sh does on Debian 12.
func (n *Node) inspect(s remote.Script, say say) {
	f := n.facts(nodetest.As[node.InspectRequest](s))
	if n.lockedBy != nil && nodetest.Token(s) != n.token {
		f.LockedBy = n.owner
	}
	say.all(nodetest.Inspection(f))
}

// facts are what an inspection finds on the node.
func (n *Node) facts(q node.InspectRequest) *node.Facts {
	f := &node.Facts{
		Distribution: kubeadm.Distribution{},
		Arch:         "x86_64", OS: node.OS{ID: "debian", Version: "12"},
		Addresses: []node.Address{
			{Interface: "lo", Prefix: netip.MustParsePrefix("127.0.0.1/8")}, {Interface: "eth0", Prefix: netip.PrefixFrom(n.address, 16)},
		},
		Listeners: n.listeners(), Units: map[string]node.Unit{}, NonlocalBind: n.nonlocal,
		HAProxy:    node.Package{Installed: true, Version: render.DefaultHAProxy},
		Keepalived: node.Package{Installed: true, Version: render.DefaultKeepalived}, NFT: true,
		Files:     filesAt(n.visible(), q.Paths),
		Manifests: []string{"etcd.yaml", "kube-apiserver.yaml", "kube-controller-manager.yaml", "kube-scheduler.yaml"},
		Servers:   n.serverStates(),
		Unknown:   unknown(n, q.Paths),
	}
	if n.holds() {
		vip := n.cluster.inventory.VIP
		f.Addresses = append(f.Addresses, node.Address{Interface: "eth0", Prefix: netip.PrefixFrom(vip, vip.BitLen())})
	}
	for name, u := range n.Units {
		f.Units[name+".service"] = node.Unit{Load: "loaded", Active: u.active(), File: u.enabled(), MainPID: 7, OpenFiles: 524288}
	}
	if q.Sysctls {
		f.Sysctls = map[string]string{"net.ipv4.ip_nonlocal_bind": bit(n.nonlocal)}
	}
	if q.VRRP && n.Units["keepalived"].Active {
		f.VRRP = map[string]string{"KPLB": "BACKUP"}
		if n.holds() {
			f.VRRP["KPLB"] = "MASTER"
		}
	}
	return f
}

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func (n *Node) listeners() []node.Listener {
	var out []node.Listener
	if n.apiserver() {
		out = append(out, node.Listener{Address: netip.AddrPortFrom(n.listens(), n.cluster.inventory.Port), Process: distribution.APIServer})
	}
	for _, at := range n.frontends() {
		out = append(out, node.Listener{Address: at, Process: node.HAProxyProcess})
	}
	return out
}

// serverStates are what HAProxy knows of its servers; nil where kplb's HAProxy
// does not run.
func (n *Node) serverStates() []haproxy.ServerState {
	if len(n.frontends()) == 0 {
		return nil
	}
	out := []haproxy.ServerState{}
	for _, server := range n.servers() {
		state := haproxy.ServerState{Name: server, Status: "DOWN", Check: "L4CON"}
		if other := n.cluster.nodes[server]; other != nil && other.apiserver() {
			state.Status, state.Check = "UP", "L7OK/200"
		}
		out = append(out, state)
	}
	return out
}

func (u Unit) active() string {
	if u.Active {
		return "active"
	}
	return "inactive"
}

func (u Unit) enabled() string {
	if u.Enabled {
		return "enabled"
	}
	return "disabled"
}

// visible are the node's files, those that kplb keeps itself among them.
func (n *Node) visible() map[string]File {
	out := maps.Clone(n.Files)
	if current := n.current(); current > 0 {
		out["/var/lib/kplb/current"] = File{0o600, fmt.Appendf(nil, "%d\n", current)}
		for _, g := range slices.Backward(n.generations) {
			if g.record != nil {
				out[fmt.Sprintf("/var/lib/kplb/generations/%d/record", g.number)] = File{0o600, g.record}
				break
			}
		}
	}
	if n.pending != nil {
		out["/var/lib/kplb/pending/record"] = File{0o600, n.pending.record}
		out["/var/lib/kplb/pending/txn"] = File{0o600, []byte(n.pending.txn + "\n")}
		out["/var/lib/kplb/pending/about"] = File{0o600, []byte(n.pending.about + "\n")}
	}
	if n.restored != "" {
		out["/var/lib/kplb/restored"] = File{0o600, []byte(n.restored)}
	}
	return out
}

// kplbPlace is a path in a place of kplb's, as inspect.sh looks for them.
var kplbPlace = regexp.MustCompile(`^/etc/(haproxy|keepalived|systemd/system)/kplb[^/]*$`)

// unknown are the node's files in such places that nobody asks for.
func unknown(n *Node, known []string) []string {
	var out []string
	for _, path := range slices.Sorted(maps.Keys(n.Files)) {
		if kplbPlace.MatchString(path) && !slices.Contains(known, path) {
			out = append(out, path)
		}
	}
	return out
}

// isRecord says whether inspect.sh reads the file without being told.
func isRecord(path string) bool { return strings.HasPrefix(path, "/var/lib/kplb/generations/") }

// filesAt are those of the files that are at one of the paths.
func filesAt(files map[string]File, paths []string) map[string]node.File {
	out := map[string]node.File{}
	for path, f := range files {
		if slices.Contains(paths, path) || isRecord(path) {
			out[path] = node.File{Mode: f.Mode, Content: f.Content}
		}
	}
	return out
}
