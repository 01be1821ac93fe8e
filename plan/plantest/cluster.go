// Package plantest makes inventories and the facts of nodes for tests. It reads
// testdata of the module: the package that is tested has to be at its top.
package plantest

import (
	"bytes"
	"os"
	"testing"

	"github.com/kplb/kplb/apiserver/apiservertest"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
)

// Home is an inventory of three nodes.
const Home = `apiVersion: kplb/v1alpha1
kind: Cluster
name: home
vip: 10.1.233.1
nodes:
  - {name: node-1, address: 10.1.1.1}
  - {name: node-2, address: 10.1.1.2}
  - name: node-3
    address: 10.1.1.3
    interface: eth0
ssh: {user: pi}
haproxy:
  monitorPort: 8404
`

// Parse reads an inventory.
func Parse(t testing.TB, text string) *inventory.Cluster {
	t.Helper()
	c, err := inventory.Parse("cluster.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Manifest is what kubeadm writes for the node's apiserver.
func Manifest(t testing.TB, n inventory.Node) []byte {
	t.Helper()
	data, err := os.ReadFile("../testdata/kubeadm/good/genuine.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(data, []byte("10.1.1.1"), []byte(n.Address.String()))
}

// BoundManifest is the same with the node's own address only.
func BoundManifest(t testing.TB, n inventory.Node) []byte {
	t.Helper()
	edited, err := kubeadm.Distribution{}.BindTo(Manifest(t, n), n.Address)
	if err != nil {
		t.Fatal(err)
	}
	return edited
}

// CA is the cluster's.
var CA = apiservertest.NewCA("kubernetes")
