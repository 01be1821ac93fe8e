package keepalived

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestHolds: whatever keepalived has with a file, however it is written.
func TestHolds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, config string
		want         []string
	}{
		{"nothing", "", nil},
		{"comments", "! vrrp_instance VI_1 { }\n# virtual_server\n", nil},
		{"settings", "global_defs {\n  router_id a\n  notification_email {\n    a@b.c\n  }\n}\nvrrp_script check {\n  script \"/bin/true\"\n}\nvrrp_sync_group G {\n group {\n A\n }\n}\n", nil},
		{"an instance without addresses", "vrrp_instance A {\n  interface eth0\n  authentication {\n    auth_pass a\n  }\n  track_script {\n    check\n  }\n}\n", nil},
		{"addresses", "vrrp_instance A {\n  virtual_ipaddress {\n    10.1.233.9\n    10.1.233.10/16 brd 10.1.255.255 dev eth0 label eth0:1 # a comment\n    fd10:1::9/64 dev eth0 peer fd10:1::1\n  }\n}\n",
			[]string{"gives up 10.1.233.9", "gives up 10.1.233.10", "gives up fd10:1::9"}},
		{"on one line", "vrrp_instance A { virtual_ipaddress { 10.1.233.9 } }", []string{"gives up 10.1.233.9"}},
		{"several on one line", "vrrp_instance A { virtual_ipaddress { 10.1.233.9 10.1.233.8/32 } }", []string{"gives up 10.1.233.9", "gives up 10.1.233.8"}},
		{"braces on lines of their own", "vrrp_instance A\n{\n  virtual_ipaddress\n  {\n    10.1.233.9\n  }\n}", []string{"gives up 10.1.233.9"}},
		{"excluded", "vrrp_instance A {\n  virtual_ipaddress_excluded {\n    10.1.233.9\n  }\n}", []string{"gives up 10.1.233.9"}},
		{"static", "static_ipaddress {\n  10.1.233.9/16 dev eth0\n}\nstatic_routes {\n  10.9.0.0/16 via 10.1.1.1\n}", []string{"gives up 10.1.233.9", "gives up `10.9.0.0/16 via 10.1.1.1` (static_routes)"}},
		{"routes", "vrrp_instance A {\n virtual_routes {\n  default via 10.1.1.1\n }\n virtual_rules {\n  from 10.1.1.1 lookup 7\n }\n}", []string{
			"gives up `default via 10.1.1.1` (virtual_routes)", "gives up `from 10.1.1.1 lookup 7` (virtual_rules)",
		}},
		{"virtual servers", "virtual_server 10.1.233.9 80 {\n  real_server 10.1.1.1 80 {\n  }\n}\nvirtual_server fwmark 9 {\n quorum_up /x\n}\nvirtual_server group G {\n}\nvirtual_server_group G {\n 10.1.1.1 80\n}", []string{
			"stops balancing 10.1.233.9 80 (virtual_server)", "stops balancing fwmark 9 (virtual_server)", "stops running `quorum_up /x` (virtual_server fwmark 9)", "stops balancing group G (virtual_server)",
		}},
		{"scripts", "vrrp_instance A {\n  notify_master \"/etc/keepalived/up.sh now\"\n}\nglobal_defs {\n startup_script /x\n}", []string{
			"stops running `notify_master /etc/keepalived/up.sh now` (vrrp_instance A)", "stops running `startup_script /x` (global_defs)",
		}},
		{"included", "include conf.d/*.conf\nincludea /etc/x\ninclude_check readable\nvrrp_instance A {\n includer b\n virtual_ipaddress {\n  include c\n }\n}", []string{
			"stops reading conf.d/*.conf (include)", "stops reading /etc/x (includea)", "stops reading b (includer)", "stops what line 7 of its file, `include c`, asks for",
		}},
		{"a variable", "$VIP=10.1.233.9\nvrrp_instance A {\n virtual_ipaddress {\n  $VIP\n }\n $REST\n}", []string{
			"stops what line 1 of its file, `$VIP=10.1.233.9`, asks for", "stops what line 4 of its file, `$VIP`, asks for", "stops what line 6 of its file, `$REST`, asks for",
		}},
		{"a condition", "@node-1 vrrp_instance A {\n virtual_ipaddress {\n  10.1.233.9\n }\n}", []string{"stops what line 1 of its file, `@node-1 vrrp_instance A`, asks for"}},
		{"a block that is newer than this", "vrrp_instance A {\n  virtual_magic {\n    10.1.233.9\n  }\n}\nmagic {\n}", []string{
			"stops what line 2 of its file, `virtual_magic`, asks for", "stops what line 6 of its file, `magic`, asks for",
		}},
		{"BFD", "bfd_instance b {\n neighbor_ip 10.1.1.9\n}", []string{"stops what line 1 of its file, `bfd_instance b`, asks for"}},
		{"another network", "net_namespace blue", []string{"stops what line 1 of its file, `net_namespace blue`, asks for"}},
		{"braces that do not match", "}}\nvrrp_instance A {\n virtual_ipaddress {\n 10.1.233.9\n", []string{"gives up 10.1.233.9"}},
		{"bytes", "\x00\x01", []string{"stops what line 1 of its file, `\x00\x01`, asks for"}},
	} {
		var got []string
		for _, h := range Parse([]byte(c.config)).Holds() {
			got = append(got, h.String())
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

// TestHeldCarriedOn: another file holds the same, in any order.
func TestHeldCarriedOn(t *testing.T) {
	t.Parallel()
	was := Parse([]byte("vrrp_instance A { virtual_ipaddress { 10.1.233.9/16 } }\nvirtual_server 10.1.233.9 80 {\n}")).Holds()
	now := Parse([]byte("virtual_server 10.1.233.9 80 {\n}\nvrrp_instance B {\n virtual_ipaddress_excluded {\n 10.1.233.9/32\n }\n}")).Holds()
	for _, h := range was {
		if !h.CarriedOn(now) || h.CarriedOn(nil) {
			t.Errorf("%s", h)
		}
	}
	if now[0].CarriedOn(was[:1]) {
		t.Errorf("%s is not in %v", now[0], was[:1])
	}
}
