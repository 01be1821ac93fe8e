package rollouttest

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/remote"
)

// say reports a record, as a script does.
type say func(key string, fields ...string)

func (s say) data(key string, data []byte) { s(key, base64.StdEncoding.EncodeToString(data)) }

// inspect answers as inspect.sh does on Debian 12.
func (n *Node) inspect(s remote.Script, say say) {
	c, q := n.cluster, nodetest.As[node.InspectRequest](s)
	say("arch", "x86_64")
	say("os", "ID", "debian")
	say("os", "VERSION_ID", `"12"`)
	addresses := fmt.Sprintf("1: lo    inet 127.0.0.1/8 scope host lo\n2: eth0    inet %s/16 scope global eth0\n", n.address)
	if n.holds() {
		addresses += fmt.Sprintf("2: eth0    inet %s/32 scope global eth0\n", c.inventory.VIP)
	}
	say("addresses", addresses)
	say("listeners", n.sockets())
	var units strings.Builder
	for _, name := range slices.Sorted(maps.Keys(n.Units)) {
		u := n.Units[name]
		fmt.Fprintf(&units, "MainPID=7\nLimitNOFILE=524288\nId=%s.service\nLoadState=loaded\nActiveState=%s\nUnitFileState=%s\n\n", name, u.active(), u.enabled())
	}
	say("units", units.String())
	say("nonlocal_bind", bit(n.nonlocal))
	say("version", "haproxy", "HAProxy version 2.6.12-1+deb12u3 2025/10/03 - https://haproxy.org/")
	say("version", "keepalived", "Keepalived v2.2.7 (01/16,2022)")
	say("nft")
	say.data("files", n.archive(q.Paths))
	for _, name := range []string{"etcd.yaml", "kube-apiserver.yaml", "kube-controller-manager.yaml", "kube-scheduler.yaml"} {
		say("manifest", name)
	}
	if q.VRRP && n.Units["keepalived"].Active {
		vrrp := map[bool]string{true: "MASTER", false: "BACKUP"}[n.holds()]
		say("vrrp", "(KPLB) Entering "+vrrp+" STATE\n")
	}
	n.statistics(say)
	say("done")
}

// sockets is what ss shows of those that listen.
func (n *Node) sockets() string {
	var out strings.Builder
	if n.apiserver() {
		local := fmt.Sprintf("%s:%d", n.listens(), n.cluster.inventory.Port)
		if n.listens().IsUnspecified() {
			local = fmt.Sprintf("*:%d", n.cluster.inventory.Port)
		}
		fmt.Fprintf(&out, "LISTEN 0 4096 %s *:* users:((\"kube-apiserver\",pid=42,fd=5))\n", local)
	}
	for _, at := range n.frontends() {
		fmt.Fprintf(&out, "LISTEN 0 4096 %s *:* users:((\"haproxy\",pid=43,fd=5))\n", at)
	}
	return out.String()
}

// statistics are HAProxy's, where kplb's HAProxy runs.
func (n *Node) statistics(say say) {
	if len(n.frontends()) == 0 {
		say.data("stats", nil)
		return
	}
	var text strings.Builder
	text.WriteString("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n# pxname,svname,scur,status,check_status,check_code,stot,\n")
	for _, server := range n.servers() {
		status := "DOWN,L4CON,,0,"
		if other := n.cluster.nodes[server]; other != nil && other.apiserver() {
			status = "UP,L7OK,200,0,"
		}
		text.WriteString("kube-apiserver," + server + ",0," + status + "\n")
	}
	say.data("stats", []byte(text.String()))
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

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// visible are the node's files, those that kplb keeps itself among them.
func (n *Node) visible() map[string]File {
	out := maps.Clone(n.Files)
	if current := n.current(); current > 0 {
		out["/var/lib/kplb/current"] = File{0o600, fmt.Appendf(nil, "%d\n", current)}
	}
	if n.pending != nil {
		out["/var/lib/kplb/pending/txn"] = File{0o600, []byte(n.pending.txn + "\n")}
		out["/var/lib/kplb/pending/about"] = File{0o600, []byte(n.pending.about + "\n")}
	}
	if n.restored != "" {
		out["/var/lib/kplb/restored"] = File{0o600, []byte(n.restored)}
	}
	return out
}

// archive is what tar makes of those of the paths that are there.
func (n *Node) archive(paths []string) []byte {
	files := n.visible()
	return pack(paths, func(name string) (File, bool) {
		f, there := files[name]
		return f, there
	})
}

func pack(paths []string, file func(string) (File, bool)) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range paths {
		f, there := file(path.Join("/", name))
		if !there {
			continue
		}
		// writing to memory does not fail, and Close says what else did
		_ = w.WriteHeader(&tar.Header{Name: strings.TrimPrefix(name, "/"), Mode: f.Mode, Size: int64(len(f.Content)), Typeflag: tar.TypeReg})
		_, _ = w.Write(f.Content)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}
