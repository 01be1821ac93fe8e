package report

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/verify"
)

var counted = []verify.Distribution{
	{
		Name: "kube-apiserver", Address: "10.1.233.1:6443", Connections: 300, CountedBy: "certificate",
		Backends: []verify.Share{{Node: "node-1", Got: 100}, {Node: "node-2", Got: 101}, {Node: "node-3", Got: 99}},
	},
	{
		Name: "game", Address: "10.1.233.1:7777", Affinity: inventory.ClientIP, Connections: 300, CountedBy: "haproxy",
		Backends: []verify.Share{{Node: "node-1", Got: 0}, {Node: "node-4", Got: 300}},
	},
	{
		Name: "web", Address: "10.1.233.1:80", Affinity: inventory.NoAffinity, Connections: 300, Failed: 300, Error: "connection refused", CountedBy: "haproxy",
		Backends: []verify.Share{{Node: "node-1", Got: 0}},
	},
}

// TestWriteDistribution: nobody got anything where no connection was made.
func TestWriteDistribution(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := WriteDistribution(&out, counted); err != nil {
		t.Fatal(err)
	}
	const table = `
PORT            ADDRESS          NODE    CONNECTIONS  SHARE   AFFINITY  COUNTED BY
kube-apiserver  10.1.233.1:6443  node-1  100          33.3%   -         certificate
kube-apiserver  10.1.233.1:6443  node-2  101          33.7%   -         certificate
kube-apiserver  10.1.233.1:6443  node-3  99           33.0%   -         certificate
game            10.1.233.1:7777  node-1  0            0.0%    ClientIP  haproxy
game            10.1.233.1:7777  node-4  300          100.0%  ClientIP  haproxy
web             10.1.233.1:80    node-1  0            -       None      haproxy
`
	if d := cmp.Diff(table, out.String()); d != "" {
		t.Errorf("table:\n%s", d)
	}
}
