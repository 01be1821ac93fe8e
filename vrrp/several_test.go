package vrrp

import (
	"strings"
	"testing"
)

// TestSeveralAreSound: what is rendered elects one holder for every VIP, whatever
// the mixture of families and preferred nodes.
func TestSeveralAreSound(t *testing.T) {
	t.Parallel()
	for _, vip := range []string{
		`"fd10:1::100"`,
		`["fd10:1::100", "fd10:1::101"]`,
		`[10.1.233.1, 10.1.233.2, "fd10:1::100", 10.1.233.3, "fd10:1::101"]`,
		`["fd10:1::100", {address: "fd10:1::101", preferred: c}, {address: 10.1.233.1, preferred: c}]`,
		`[{address: 10.1.233.1, preferred: a}, {address: 10.1.233.2, preferred: b}, {address: 10.1.233.3, preferred: c}, {address: "fd10:1::100", preferred: b}]`,
	} {
		for _, more := range []string{"", "vrrp: {failback: true}", "exposure: redirect"} {
			c := withVIPs(t, vip, more)
			speakers, err := ReadCluster(c, rendered(t, c))
			if err != nil {
				t.Fatal(err)
			}
			if err := Sound(c, speakers); err != nil {
				t.Errorf("%s, %s: %v", vip, more, err)
			}
			if got := len(Contests(c, speakers)); got != len(c.Groups()) {
				t.Errorf("%s: %d contests of %d groups", vip, got, len(c.Groups()))
			}
		}
	}
}

// TestSeveralUnsound has templates that say something else than the inventory.
func TestSeveralUnsound(t *testing.T) {
	t.Parallel()
	const conf = "keepalived.conf.tmpl"
	const active = "[{address: 10.1.233.1, preferred: a}, {address: 10.1.233.2, preferred: b}]"
	for name, c := range map[string]struct {
		vip    string
		change [3]string
		want   string
	}{
		"nopreempt everywhere": {
			active, [3]string{conf, "    state BACKUP\n{{- else if .Failback", "    state BACKUP\n    nopreempt\n{{- else if .Failback"},
			"nopreempt, but the inventory has b preferred for 10.1.233.2",
		},
		"one order for all": {
			active, [3]string{conf, "index .Priorities $.Node.Name", "$.Node.Priority"},
			"b: /etc/keepalived/keepalived.conf:70: priority 240, and a has 250, but the inventory has b preferred for 10.1.233.2",
		},
		"a VIP is forgotten": {
			`[10.1.233.1, "fd10:1::100"]`, [3]string{conf, "{{- range .Others }}", "{{- range (slice .Others 1) }}"},
			"no vrrp_instance has the VIP fd10:1::100",
		},
	} {
		cluster := withVIPs(t, c.vip, "")
		err := soundness(t, cluster, c.change)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}
