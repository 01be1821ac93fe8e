package inventory

import (
	"slices"
	"testing"
)

// TestClientNames: every VIP, and the DNS name where there is one.
func TestClientNames(t *testing.T) {
	t.Parallel()
	const nodes = "apiVersion: kplb/v1alpha1\nkind: Cluster\nname: home\nnodes:\n" +
		`  - {name: a, address: [10.1.1.1/16, "fd10:1::1/64"]}` + "\n" + `  - {name: b, address: [10.1.1.2/16, "fd10:1::2/64"]}` + "\n"
	for more, want := range map[string][]string{
		"vip: 10.1.233.1\n": {"10.1.233.1"},
		"vip: [10.1.233.1, \"fd10:1::100\"]\ndnsName: k8s.home.arpa\n": {"10.1.233.1", "fd10:1::100", "k8s.home.arpa"},
	} {
		c := mustParse(t, nodes+more)
		if got := c.ClientNames(); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", more, got, want)
		}
		if got := c.APIServerAddress(c.Nodes[1]).String(); got != "10.1.1.2:6443" {
			t.Errorf("the apiserver of b is at %s", got)
		}
	}
}

// TestMovesClients: for either, certificates have to be for the VIP.
func TestMovesClients(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		endpoint, certificates Care
		want                   bool
	}{{Leave, Leave, false}, {Manage, Leave, true}, {Leave, Manage, true}, {Manage, Manage, true}} {
		if got := (&Cluster{Endpoint: c.endpoint, Certificates: c.certificates}).MovesClients(); got != c.want {
			t.Errorf("endpoint %s, certificates %s: %v", c.endpoint, c.certificates, got)
		}
	}
}
