package keepalived

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPeers: those of every instance, however they are written; what is no address is none.
func TestPeers(t *testing.T) {
	t.Parallel()
	for config, want := range map[string][]string{
		"": nil,
		"vrrp_instance A {\n  interface eth0\n}\n":                                                           nil,
		"vrrp_instance A { unicast_peer { 10.1.1.2 } }":                                                      {"10.1.1.2"},
		"vrrp_instance A\n{\n  unicast_peer\n  {\n    10.1.1.2 # a\n    fd10:1::2 min_ttl 3\n    $P\n  }\n}": {"10.1.1.2", "fd10:1::2"},
		"vrrp_instance A { unicast_peer { 10.1.1.2 } }\nvrrp_instance B { unicast_peer { 10.1.1.3 } }":       {"10.1.1.2", "10.1.1.3"},
		"unicast_peer { 10.1.1.2 }":                                                                          nil,
	} {
		var got []string
		for _, at := range Peers([]byte(config)) {
			got = append(got, at.String())
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q (-want +got):\n%s", config, d)
		}
	}
}
