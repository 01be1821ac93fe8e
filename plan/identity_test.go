package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/vrrp"
)

func TestIdentityStays(t *testing.T) {
	t.Parallel()
	config := func(change ...string) string {
		in := inputOf(t, strings.NewReplacer(change...).Replace(home))
		artifacts, err := in.Templates.Node(in.Cluster, in.Cluster.Nodes[1], render.Facts{Interface: "eth0"})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range artifacts {
			if a.Path == render.KeepalivedPath {
				return fmt.Sprint(vrrp.Identities(a.Content))
			}
		}
		return ""
	}
	for _, c := range []struct {
		name, from, to string
		same           bool
	}{
		{"another VIP", "10.1.233.1", "10.1.233.2", false},
		{"another VRID", "ssh:", "vrrp: {virtualRouterID: 7}\nssh:", false},
		{"another version", "ssh:", "vrrp: {version: 2}\nssh:", false},
		{"multicast", "ssh:", "vrrp: {mode: multicast}\nssh:", false},
		{"failback: they hear each other as before", "ssh:", "vrrp: {failback: true}\nssh:", true},
		{"another interval", "ssh:", "vrrp: {advertInterval: 500ms}\nssh:", true},
		{"another peer", "  - {name: node-1, address: 10.1.1.1}\n", "", true},
		{"another monitor port", "8404", "8405", true},
	} {
		same(t, c.name, config(c.from, c.to) == config(), c.same)
	}
}
