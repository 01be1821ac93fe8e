package render

import (
	"testing"

	"github.com/kplb/kplb/inventory"
)

func withVIPs(t *testing.T, vip, more string) *inventory.Cluster {
	t.Helper()
	c, err := inventory.Parse("several.yaml", []byte("apiVersion: kplb/v1alpha1\nkind: Cluster\nname: home\nvip: "+vip+"\n"+more+`
nodes:
  - {name: a, address: [10.1.1.1, "fd10:1::1"]}
  - {name: b, address: [10.1.1.2, "fd10:1::2"]}
  - {name: c, address: [10.1.1.3, "fd10:1::3"]}
`))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestKeepalivedAcceptsSeveral: whatever the mixture of families and preferred
// nodes, the real keepalived accepts what is rendered for several VIPs.
func TestKeepalivedAcceptsSeveral(t *testing.T) {
	t.Parallel()
	keepalived := needNamespaces(t)
	for _, vip := range []string{
		`"fd10:1::100"`,
		`["fd10:1::100", "fd10:1::101"]`,
		`[10.1.233.1, 10.1.233.2, "fd10:1::100", 10.1.233.3, "fd10:1::101"]`,
		`["fd10:1::100", {address: "fd10:1::101", preferred: c}, {address: 10.1.233.1, preferred: c}]`,
		`[{address: 10.1.233.1, preferred: a}, {address: 10.1.233.2, preferred: b}, {address: 10.1.233.3, preferred: c}, {address: "fd10:1::100", preferred: b}]`,
	} {
		for _, more := range []string{"", "vrrp: {failback: true}", "exposure: redirect"} {
			c := withVIPs(t, vip, more)
			tree := renderTree(t, c)
			if out, err := keepalivedTest(t, keepalived, "eth0", onThisMachine(t, tree["b"+KeepalivedPath])); err != nil || out != "" {
				t.Errorf("%s, %s: keepalived -t: %v\n%s", vip, more, err, out)
			}
		}
	}
}
