package refusal_test

import (
	"errors"
	"testing"

	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/render"
)

// What other keepaliveds have: a VIP of their own, and kplb's.
const (
	second = "vrrp_instance ingress {\n    interface eth0\n    virtual_router_id 9\n    virtual_ipaddress {\n        10.1.233.9/16\n    }\n}\n"
	speaks = "vrrp_instance VI_1 {\n    virtual_ipaddress {\n        10.1.233.1\n    }\n}\nstatic_ipaddress {\n    10.1.233.1/16 dev eth0\n}\n"
)

// reads has haproxy.service started with these files.
func reads(f *node.Facts, args ...string) {
	set(f, "haproxy.service", func(u *node.Unit) { u.MainPID = 500 })
	f.Processes = append(f.Processes, node.Process{PID: 500, Name: "haproxy", Args: append([]string{"haproxy", "-Ws"}, args...)})
}

// TestRefusedConfiguration: what reads other files than kplb's, or shares its
// addresses, is refused, with any flag.
func TestRefusedConfiguration(t *testing.T) {
	t.Parallel()
	const stays = "remove it there: kplb does that, or have it listen elsewhere"
	besides := func(config string) func(*node.Facts) {
		return func(f *node.Facts) {
			reads(f, "-f", "/etc/haproxy/haproxy.cfg", "-f", "/etc/haproxy/conf.d")
			put(f, "/etc/haproxy/conf.d/k.cfg", 0o644, []byte(config))
		}
	}
	another := func(group, file, config string) func(*node.Facts) {
		return func(f *node.Facts) {
			f.Processes = append(f.Processes, node.Process{PID: 812, Name: "keepalived", Group: group, Args: []string{"keepalived", "-n"}})
			if file != "" {
				put(f, file, 0o644, []byte(config))
			}
		}
	}
	cases := []struct {
		name   string
		differ func(*node.Facts)
		says   string
		hint   string
	}{
		{name: "the package's own", differ: func(f *node.Facts) { reads(f, "-f", "/etc/haproxy/haproxy.cfg") }},
		{name: "its directory", differ: func(f *node.Facts) { reads(f, "-f", "/etc/haproxy/") }},
		{
			name: "another file", differ: func(f *node.Facts) { reads(f, "-f", "/etc/haproxy/mine.cfg", "-f", "/srv/x") },
			says: "node-2: haproxy.service reads /etc/haproxy/mine.cfg and /srv/x, and not /etc/haproxy/haproxy.cfg",
			hint: "have it read that file: see CONFIG and EXTRAOPTS in /etc/default/haproxy, and `systemctl cat haproxy`",
		},
		{
			name: "another file of keepalived's, by a unit that does not run", differ: func(f *node.Facts) {
				set(f, "keepalived.service", func(u *node.Unit) {
					u.Command = []string{"{ path=/usr/sbin/keepalived ; argv[]=/usr/sbin/keepalived --dont-fork $DAEMON_ARGS ; ignore_errors=no }"}
					u.EnvironmentFiles = []string{"/etc/default/keepalived"}
				})
				put(f, "/etc/default/keepalived", 0o644, []byte("DAEMON_ARGS=\"-f /srv/keepalived.conf\"\n"))
			},
			says: "node-2: keepalived.service reads /srv/keepalived.conf, and not /etc/keepalived/keepalived.conf",
			hint: "have it read that file: see DAEMON_ARGS in /etc/default/keepalived, and `systemctl cat keepalived`",
		},
		{
			name: "the VIP in a second file", differ: besides("frontend k\n    bind 10.1.233.1:6443\n"),
			says: "node-2: /etc/haproxy/conf.d/k.cfg has haproxy listening on 10.1.233.1:6443 (frontend k), as kplb's haproxy.cfg does", hint: stays,
		},
		{
			name: "the monitor page's port in a second file", differ: besides("listen stats\n    bind *:8404\n"),
			says: "node-2: /etc/haproxy/conf.d/k.cfg has haproxy listening on *:8404 (listen stats), as kplb's haproxy.cfg does", hint: stays,
		},
		{name: "something else in a second file", differ: besides("listen web\n    bind *:80\n")},
		{
			name: "another haproxy on the VIP", differ: func(f *node.Facts) {
				f.Listeners = append(f.Listeners, node.Listener{Address: listener("10.1.233.1:6443", "").Address, Process: "haproxy", Outside: "pid 4711, web.service"})
			},
			says: "node-2: port 6443 of 10.1.233.1 is taken by haproxy outside of haproxy.service (pid 4711, web.service)", hint: "stop it, or give it another port",
		},
		{
			name: "another haproxy on the monitor page's port", differ: func(f *node.Facts) {
				f.Listeners = append(f.Listeners, node.Listener{Address: listener("127.0.0.1:8404", "").Address, Process: "haproxy", Outside: "pid 4711"})
			},
			says: "cluster.yaml:13:16: node-2: port 8404, for haproxy's monitor page, is taken by haproxy outside of haproxy.service (pid 4711)",
			hint: "set haproxy.monitorPort to a free port",
		},
		{
			name: "another keepalived with the VIP", differ: another("/system.slice/vip.service", render.KeepalivedPath, speaks),
			says: "node-2: another keepalived (pid 812, vip.service) has 10.1.233.1, by its /etc/keepalived/keepalived.conf",
			hint: "stop it: two speakers on one node would both hold the VIP",
		},
		{
			name: "another keepalived in a container", differ: another("/kubepods/pod1", "/proc/812/root/etc/keepalived/keepalived.conf", speaks),
			says: "node-2: another keepalived (pid 812, pod1) has 10.1.233.1, by its /etc/keepalived/keepalived.conf",
			hint: "stop it: two speakers on one node would both hold the VIP",
		},
		{
			name: "another keepalived of which nothing is known", differ: another("/kubepods/pod1", "", ""),
			says: "node-2: another keepalived runs (pid 812, pod1), and may have the VIP: its /etc/keepalived/keepalived.conf could not be read",
			hint: "stop it, or have it read a file that kplb can read",
		},
		{name: "another keepalived with another VIP", differ: another("/kubepods/pod1", "/proc/812/root/etc/keepalived/keepalived.conf", second)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cluster := parse(t, plantest.Home)
			facts := all(t, cluster)
			c.differ(facts["node-2"])
			err := refuse(cluster, facts)
			says(t, err, c.says)
			var refused *refusal.Error
			if errors.As(err, &refused) {
				same(t, "hints", refused.Hints(), []string{c.hint})
			}
		})
	}
}
