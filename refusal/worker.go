package refusal

import (
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// refuseBalancer refuses a worker on which the balancer cannot run.
func refuseBalancer(c *inventory.Cluster, f *node.Facts, refuse refuseFunc) {
	if c.WorkerBalancer == nil {
		return
	}
	ca := f.Distribution.Layout().CA
	if _, ok := f.Files[ca]; !ok {
		refuse("", "list workers that kubeadm has joined", "%s is not there, which HAProxy checks the apiservers by", ca)
	}
	unit := f.Units["haproxy.service"]
	if unit.OpenFiles > 0 && unit.OpenFiles < 2*render.WorkerMaxConn+spareFiles {
		refuse("", "raise LimitNOFILE of haproxy.service", "haproxy may open %d files, too few for %d connections", unit.OpenFiles, render.WorkerMaxConn)
	}
	switch {
	case !f.HAProxy.Installed && !f.OS.Debian():
		refuse("", "install it with the node's package manager", "haproxy is not installed, and packages are not installed on %s yet", f.OS)
	case f.HAProxy.Installed && f.HAProxy.Version.Before(render.MinHAProxy):
		refuse("", "upgrade it", "haproxy %s is too old, at least %s is needed", f.HAProxy.Version, render.MinHAProxy)
	}
	if unit.Load == "masked" {
		refuse("", "run `systemctl unmask haproxy` on the node", "haproxy.service is masked")
	}
	for _, path := range render.WorkerPaths() {
		if file, ok := f.Files[path]; ok && !file.Mode.IsRegular() {
			refuse("", "move it away, then apply again", "%s is a %s, not a regular file", path, Kind(file.Mode))
		}
	}
	refuseLocalPorts(c, f, refuse)
}

// refuseWorker refuses a worker without systemd, or that kubeadm has not joined.
func refuseWorker(f *node.Facts, refuse refuseFunc) {
	if len(f.Units) == 0 {
		refuse("", "kplb needs systemd on the nodes", "systemd does not answer")
	}
	kubelet := f.Distribution.Layout().KubeletKubeconfig
	if _, ok := f.Files[kubelet]; !ok {
		refuse("", "list workers that kubeadm has joined", "%s is not there: not a kubeadm worker", kubelet)
	}
}
