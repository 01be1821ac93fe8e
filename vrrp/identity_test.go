package vrrp

import "testing"

// TestClash: with which two files nodes may run side by side.
func TestClash(t *testing.T) {
	t.Parallel()
	file := func(vip, more string) []Identity {
		c := withVIPs(t, vip, more)
		return Identities(rendered(t, c)("a").Keepalived)
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
