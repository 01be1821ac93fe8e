package refusal_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/render"
)

// TestOnNode has one thing wrong with node 2, or with node 3 where it says
// so.
func TestOnNode(t *testing.T) {
	t.Parallel()
	listens := func(at, process string) func(*node.Facts) {
		return func(f *node.Facts) { f.Listeners = append(f.Listeners, listener(at, process)) }
	}
	file := func(path string, mode fs.FileMode) func(*node.Facts) {
		return func(f *node.Facts) { put(f, path, mode, nil) }
	}
	manifests := func(names ...string) func(*node.Facts) {
		return func(f *node.Facts) { f.Manifests = append(f.Manifests, names...) }
	}
	cases := []struct {
		name   string
		node   string // default: node-2
		differ func(f *node.Facts)
		says   []string
		hint   []string
	}{
		// the network
		{
			name: "not the node's address", differ: func(f *node.Facts) { f.Addresses[1] = address("eth0", "10.1.1.22/16") },
			says: []string{"cluster.yaml:7:29: node-2: no interface has the node's address 10.1.1.2"},
			hint: []string{"write the address that `ip addr` shows on the node"},
		},
		{
			name: "another interface", node: "node-3", differ: func(f *node.Facts) { f.Addresses[1].Interface = "wlan0" },
			says: []string{"cluster.yaml:10:16: node-3: interface eth0 does not have the node's address 10.1.1.3, wlan0 has it"},
			hint: []string{"write the interface that has the address, or leave it out"},
		},
		{
			name: "the VIP is outside the subnet", differ: func(f *node.Facts) { f.Addresses[1] = address("eth0", "10.1.1.2/24") },
			says: []string{"cluster.yaml:4:6: node-2: the VIP 10.1.233.1 is outside 10.1.1.0/24, the subnet of eth0"},
			hint: []string{"choose a free address of that subnet"},
		},
		{name: "the VIP is on the node", differ: func(f *node.Facts) { f.Addresses = append(f.Addresses, address("eth0", "10.1.233.1/32")) }},

		// software
		{
			name: "no systemd", differ: func(f *node.Facts) { f.Units = map[string]node.Unit{} },
			says: []string{"node-2: systemd does not answer"}, hint: []string{"kplb needs systemd on the nodes"},
		},
		{
			name: "packages on another system", differ: func(f *node.Facts) {
				f.OS = node.OS{ID: "fedora", Version: "44"}
				f.HAProxy, f.Keepalived = node.Package{}, node.Package{}
			},
			says: []string{
				"node-2: haproxy is not installed, and packages are not installed on fedora 44 yet",
				"node-2: keepalived is not installed, and packages are not installed on fedora 44 yet",
			},
			hint: []string{"install it with the node's package manager"},
		},
		{name: "packages on a system like Debian", differ: func(f *node.Facts) {
			f.OS = node.OS{ID: "ubuntu", Like: "debian"}
			f.HAProxy, f.Keepalived = node.Package{}, node.Package{}
		}},
		{
			name: "too old", differ: func(f *node.Facts) {
				f.HAProxy.Version, f.Keepalived.Version = render.Version{Major: 2, Minor: 1, Patch: 99}, render.Version{Major: 1, Minor: 3, Patch: 5}
			},
			says: []string{"node-2: haproxy 2.1.99 is too old, at least 2.2.0 is needed", "node-2: keepalived 1.3.5 is too old, at least 2.0.0 is needed"},
			hint: []string{"upgrade it"},
		},
		{
			name: "masked", differ: func(f *node.Facts) {
				set(f, "haproxy.service", func(u *node.Unit) { u.Load = "masked" })
				set(f, "keepalived.service", func(u *node.Unit) { u.Load = "masked" })
			},
			says: []string{"node-2: haproxy.service is masked", "node-2: keepalived.service is masked"},
			hint: []string{"run `systemctl unmask haproxy` on the node", "run `systemctl unmask keepalived` on the node"},
		},
		{
			name: "too few open files", differ: func(f *node.Facts) { set(f, "haproxy.service", func(u *node.Unit) { u.OpenFiles = 8291 }) },
			says: []string{"cluster.yaml:13:3: node-2: haproxy may open 8291 files, too few for 4096 connections"},
			hint: []string{"lower haproxy.maxConn, or raise LimitNOFILE of haproxy.service"},
		},
		{name: "just enough open files", differ: func(f *node.Facts) { set(f, "haproxy.service", func(u *node.Unit) { u.OpenFiles = 8292 }) }},
		{name: "no limit of open files is known", differ: func(f *node.Facts) { set(f, "haproxy.service", func(u *node.Unit) { u.OpenFiles = 0 }) }},

		// what is in the way
		{
			name: "a symbolic link", differ: file(render.KeepalivedPath, fs.ModeSymlink|0o777),
			says: []string{"node-2: /etc/keepalived/keepalived.conf is a symbolic link, not a regular file"}, hint: []string{"move it away, then apply again"},
		},
		{
			name: "a directory", differ: file(render.HAProxyPath, fs.ModeDir|0o755),
			says: []string{"node-2: /etc/haproxy/haproxy.cfg is a directory, not a regular file"}, hint: []string{"move it away, then apply again"},
		},
		{
			name: "a device", differ: file(render.SysctlPath, fs.ModeDevice|fs.ModeCharDevice|0o666),
			says: []string{"node-2: /etc/sysctl.d/90-kplb.conf is a special file, not a regular file"}, hint: []string{"move it away, then apply again"},
		},
		{
			name: "a manifest that is a link", differ: file(kubeadm.ManifestPath, fs.ModeSymlink|0o777),
			says: []string{"node-2: /etc/kubernetes/manifests/kube-apiserver.yaml is a symbolic link, not a regular file"}, hint: []string{"move it away, then apply again"},
		},

		// manifests
		{
			name: "not a kubeadm node", differ: func(f *node.Facts) { delete(f.Files, kubeadm.ManifestPath) },
			says: []string{"node-2: /etc/kubernetes/manifests/kube-apiserver.yaml is not there: not a kubeadm control-plane node"},
			hint: []string{"list control-plane nodes that kubeadm made"},
		},
		{
			name: "backups in the manifests directory", differ: manifests("kube-apiserver.yaml.bak", "old-kube-apiserver.yaml"),
			says: []string{
				"node-2: /etc/kubernetes/manifests/kube-apiserver.yaml.bak is a second apiserver manifest",
				"node-2: /etc/kubernetes/manifests/old-kube-apiserver.yaml is a second apiserver manifest",
			},
			hint: []string{"move it out of that directory: kubelet runs every file there, backups too"},
		},
		{name: "what kubelet does not run, and other pods", differ: manifests(".kube-apiserver.yaml.swp", "my-pod.yaml")},

		// ports
		{
			name: "the port is taken on every address", differ: listens("0.0.0.0:6443", "nginx"),
			says: []string{"node-2: port 6443 of 0.0.0.0 is taken by nginx, neither the apiserver nor haproxy"}, hint: []string{"stop it, or give it another port"},
		},
		{
			name: "the port is taken on both families", differ: listens("[::]:6443", ""),
			says: []string{"node-2: port 6443 of :: is taken by an unknown process, neither the apiserver nor haproxy"}, hint: []string{"stop it, or give it another port"},
		},
		{
			name: "the port is taken on the VIP", differ: listens("10.1.233.1:6443", "envoy"),
			says: []string{"node-2: port 6443 of 10.1.233.1 is taken by envoy, neither the apiserver nor haproxy"}, hint: []string{"stop it, or give it another port"},
		},
		{
			name: "the port is taken on the node's address", differ: listens("10.1.1.2:6443", "envoy"),
			says: []string{"node-2: port 6443 of 10.1.1.2 is taken by envoy, neither the apiserver nor haproxy"}, hint: []string{"stop it, or give it another port"},
		},
		{
			name: "the apiserver has the VIP", differ: listens("10.1.233.1:6443", "kube-apiserver"),
			says: []string{"node-2: the apiserver listens on the VIP itself, where haproxy belongs"}, hint: []string{"remove its --bind-address=10.1.233.1"},
		},
		{
			name: "the monitor's port is taken", differ: listens("127.0.0.1:8404", "node_exporter"),
			says: []string{"cluster.yaml:13:16: node-2: port 8404, for haproxy's monitor page, is taken by node_exporter"},
			hint: []string{"set haproxy.monitorPort to a free port"},
		},
		{
			name: "the monitor's port is taken on every address", differ: listens("[::]:8404", "node_exporter"),
			says: []string{"cluster.yaml:13:16: node-2: port 8404, for haproxy's monitor page, is taken by node_exporter"},
			hint: []string{"set haproxy.monitorPort to a free port"},
		},
		{name: "another address's port does not matter", differ: func(f *node.Facts) {
			f.Listeners = append(f.Listeners, listener("127.0.0.1:6443", "x"), listener("10.1.1.2:8404", "x"), listener("192.168.0.1:6443", "x"))
		}},
		{name: "an old haproxy of a person's own", differ: listens("0.0.0.0:6443", "haproxy")},

		// several at once
		{
			name: "everything at once", differ: func(f *node.Facts) {
				f.Addresses, f.Manifests = nil, []string{"kube-apiserver.yaml~"}
				put(f, render.HAProxyPath, fs.ModeDir, nil)
			},
			says: []string{
				"cluster.yaml:7:29: node-2: no interface has the node's address 10.1.1.2",
				"node-2: /etc/haproxy/haproxy.cfg is a directory, not a regular file",
				"node-2: /etc/kubernetes/manifests/kube-apiserver.yaml~ is a second apiserver manifest",
			},
			hint: []string{
				"write the address that `ip addr` shows on the node", "move it away, then apply again",
				"move it out of that directory: kubelet runs every file there, backups too",
			},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cluster := parse(t, plantest.Home)
			facts := all(t, cluster)
			node := c.node
			if node == "" {
				node = "node-2"
			}
			c.differ(facts[node])
			err := refuse(cluster, facts)
			says(t, err, strings.Join(c.says, "\n"))
			var refused *refusal.Error
			if errors.As(err, &refused) {
				same(t, "hints", refused.Hints(), c.hint)
			}
		})
	}
}
