package render

import (
	"strings"
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

// TestSeveralAreSound: what is rendered elects one holder for every VIP, and the
// real keepalived takes it, whatever the mixture.
func TestSeveralAreSound(t *testing.T) {
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
			if err := tree.Sound(c); err != nil {
				t.Errorf("%s, %s: %v", vip, more, err)
			}
			speakers, err := tree.Speakers(c)
			if got := len(Contests(c, speakers)); err != nil || got != len(c.Groups()) {
				t.Errorf("%s: %d contests of %d groups: %v", vip, got, len(c.Groups()), err)
			}
			if out, err := keepalivedTest(t, keepalived, "eth0", onThisMachine(t, tree["b"+KeepalivedPath])); err != nil || out != "" {
				t.Errorf("%s, %s: keepalived -t: %v\n%s", vip, more, err, out)
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
		err := changed(t, cluster, c.change).Sound(cluster)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

// TestClash: with which two files nodes may run side by side.
func TestClash(t *testing.T) {
	t.Parallel()
	file := func(vip, more string) []Identity {
		c := withVIPs(t, vip, more)
		return Identities(renderTree(t, c)["a"+KeepalivedPath].Content)
	}
	one := file("10.1.233.1", "")
	for name, c := range map[string]struct {
		other []Identity
		want  bool
	}{
		"the same":              {one, false},
		"a second family":       {file(`[10.1.233.1, "fd10:1::100"]`, ""), false},
		"another instance":      {file("[10.1.233.1, {address: 10.1.233.2, preferred: b}]", ""), false},
		"another VIP":           {file("10.1.233.2", ""), true},
		"another VRID":          {file("10.1.233.1", "vrrp: {virtualRouterID: 7}"), true},
		"multicast":             {file("10.1.233.1", "vrrp: {mode: multicast}"), true},
		"version 2":             {file("10.1.233.1", "vrrp: {version: 2}"), true},
		"failback":              {file("10.1.233.1", "vrrp: {failback: true}"), false},
		"nothing of kplb's":     {nil, true},
		"it is not alone there": {file("[10.1.233.2, {address: 10.1.233.1, preferred: b}]", ""), true},
	} {
		if got := Clash(one, c.other); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		if got := Clash(c.other, one); got != c.want {
			t.Errorf("%s, the other way round: %v", name, got)
		}
	}
}
