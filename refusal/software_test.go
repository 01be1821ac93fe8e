package refusal_test

import (
	"errors"
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/render"
)

const inKernel = `apiVersion: kplb/v1alpha1
kind: Cluster
name: home
vip: 10.1.233.1
nodes:
  - {name: node-1, address: 10.1.1.1}
  - {name: node-2, address: 10.1.1.2}
  - {name: node-3, address: 10.1.1.3}
exposure: ipvs
`

// TestConnections: a template may say what haproxy -c takes, and a reload does not survive.
func TestConnections(t *testing.T) {
	t.Parallel()
	n := inventory.Node{Name: "node-2"}
	for _, c := range []struct{ name, config, says string }{
		{"as many as there are files for", "global\n    maxconn 262094\n", ""},
		{"one more", "global\n    maxconn 262095\n", "node-2: haproxy may open 524288 files, too few for the 262095 connections of its haproxy.cfg"},
		{"far more", "global\n    maxconn 90000000\n", "node-2: haproxy may open 524288 files, too few for the 90000000 connections of its haproxy.cfg"},
	} {
		f := &node.Facts{Units: map[string]node.Unit{"haproxy.service": {OpenFiles: 524288}}}
		err := refusal.Connections(&inventory.Cluster{}, n, f, []render.Artifact{{Path: render.HAProxyPath, Content: []byte(c.config)}})
		said := ""
		if err != nil {
			said = err.Error()
		}
		same(t, c.name, said, c.says)
	}
}

// TestIPVS names the nodes whose kernel cannot, and what to do.
func TestIPVS(t *testing.T) {
	t.Parallel()
	c := parse(t, inKernel)
	facts := all(t, c)
	for name, ipvs := range map[string]string{"node-1": "none", "node-2": "module", "node-3": "there"} {
		facts[name].Kernel = node.Kernel{Release: "6.18.44", IPVS: ipvs}
	}
	const want = "cluster.yaml:9:11: node-1: its kernel 6.18.44 has no ip_vs, which exposure: ipvs needs: there is no /proc/net/ip_vs, and `modprobe -n ip_vs` finds no module"
	err := refusal.IPVS(c, c.Nodes, facts)
	says(t, err, want)
	err = refuse(c, facts)
	says(t, err, want)
	var refused *refusal.Error
	if !errors.As(err, &refused) {
		t.Fatalf("%T", err)
	}
	same(t, "hints", refused.Hints(), []string{"boot a kernel that has it (CONFIG_IP_VS, with IP_VS_NFCT and IP_VS_RR), or " + "write exposure: redirect, which gives clients the same port and leaves the apiservers alone, too; `kplb render` shows the files of ipvs, and docs/decisions/0015-ipvs.md what is known of them"})
	says(t, refusal.IPVS(c, c.Nodes[1:], facts), "")
}
