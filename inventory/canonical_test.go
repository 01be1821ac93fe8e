package inventory

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kplb/kplb/source"
)

// TestCanonical: comments and layout go, and nothing else.
func TestCanonical(t *testing.T) {
	t.Parallel()
	c, err := Parse("f", []byte(`# the lab
apiVersion: "kplb/v1alpha1"
kind: Cluster
name: 'lab'
vip: [10.1.233.1,   10.1.233.2] # two
port: 6443
nodes:
  - name: node-1
    address:
      - 10.1.1.1
    priority: 100
  - {name: "node-2", address: 10.1.1.2, labels: {zone: "a-b"}}
vrrp:
  version: 2
  auth: {fromCommand: ["pass", 'show "it"']}
haproxy:
  extra:
    global: |
      # tune.ssl.cachesize 1
ssh: {}
`))
	if err != nil {
		t.Fatal(err)
	}
	const want = `apiVersion: "kplb/v1alpha1"
kind: Cluster
name: "lab"
vip:
- "10.1.233.1"
- "10.1.233.2"
port: 6443
nodes:
- {name: node-1, address: ["10.1.1.1"], priority: 100}
- {name: "node-2", address: "10.1.1.2", labels: {zone: "a-b"}}
vrrp: {version: 2, auth: {fromCommand: ["pass", "show \"it\""]}}
haproxy: {extra: {global: "# tune.ssl.cachesize 1\n"}}
ssh: {}
`
	if d := cmp.Diff(want, string(c.Text)); d != "" {
		t.Error(d)
	}
}

// TestCanonicalMeansTheSame: of every inventory that is right.
func TestCanonicalMeansTheSame(t *testing.T) {
	t.Parallel()
	read := 0
	for _, pattern := range []string{"../examples/*.yaml", "../testdata/inventory/good/*.yaml"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			c, err := Parse(name, data)
			if err != nil {
				continue // an example that is no inventory
			}
			read++
			sameAgain(t, name, c)
		}
	}
	if read < 20 {
		t.Errorf("only %d inventories were read", read)
	}
}

// sameAgain fails the test where the canonical text is another cluster's, or has
// another form itself.
func sameAgain(t *testing.T, name string, c *Cluster) {
	t.Helper()
	again, err := Parse(name, c.Text)
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, c.Text)
		return
	}
	if d := cmp.Diff(c, again, cmpopts.IgnoreFields(Cluster{}, "Positions"), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}, netip.AddrPort{}, source.Position{})); d != "" {
		t.Errorf("%s (-file +canonical):\n%s\n%s", name, d, c.Text)
	}
	if strings.Contains(string(c.Text), "\n#") {
		t.Errorf("%s: a comment is in the canonical text:\n%s", name, c.Text)
	}
}
