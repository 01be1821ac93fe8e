package vrrp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/keepalived"
)

// TestUnsound: what a person's own template makes of it, judged for what it
// is. The line is that of the rendered file.
func TestUnsound(t *testing.T) {
	t.Parallel()
	const conf, unit = "keepalived.conf.tmpl", "haproxy.service.conf.tmpl"
	light := [3]string{conf, "    rise 1\n", "    rise 1\n    weight -40\n"}
	preempts := [3]string{conf, "    state BACKUP\n    nopreempt\n", "    state BACKUP\n"}
	of := func(i, line, what string) string {
		return "kubernetes-node-" + i + ": " + keepalived.ConfigPath + ":" + line + ": " + what + "\n"
	}
	all := func(line, what string) string { return of("1", line, what) + of("2", line, what) + of("3", line, what) }
	for _, c := range []struct {
		name    string
		changes [][3]string
		vrrp    string
		want    string
	}{
		{"built in", nil, "", ""},
		{"built in, failback", nil, "failback: true", ""},
		{"built in, multicast, version 2", nil, "{mode: multicast, version: 2}", ""},
		{
			"nopreempt and a weight", [][3]string{light}, "",
			all("36", "nopreempt with a weight: when kplb_check fails, the priority changes by -40, and the VIP stays: nobody takes it from a lower priority"),
		},
		{
			"nopreempt and a positive weight, where it is tracked", [][3]string{{conf, "        kplb_check\n", "        kplb_check weight 20\n"}}, "",
			all("61", "nopreempt with a weight: when kplb_check fails, the priority changes by -20, and the VIP stays: nobody takes it from a lower priority"),
		},
		{
			"HAProxy's unit writes less than FAULT", [][3]string{{unit, "echo -254", "echo -100"}}, "",
			all("25", "nopreempt with a weight: when kplb_haproxy fails, the priority changes by -100, and the VIP stays: nobody takes it from a lower priority"),
		},
		{
			"state MASTER and nopreempt", [][3]string{{conf, "    state BACKUP\n    nopreempt", "    state {{ if eq $.Node.Priority 250 }}MASTER{{ else }}BACKUP{{ end }}\n    nopreempt"}}, "",
			of("1", "40", "state MASTER with nopreempt: keepalived takes nopreempt away, and the node takes the VIP whenever it returns"),
		},
		{
			"equal priorities and nopreempt", [][3]string{{conf, "priority {{ index .Priorities $.Node.Name }}", "priority {{ max 240 $.Node.Priority }}"}}, "",
			of("3", "45", "priority 240 is that of kubernetes-node-2, too: when the holder fails, both become holder for a moment"),
		},
		{"equal priorities, and whoever is higher may take it", [][3]string{preempts, {conf, "priority {{ index .Priorities $.Node.Name }}", "priority 100"}}, "", ""},
		{
			"nothing is tracked",
			[][3]string{{conf, "    track_file {\n        kplb_haproxy\n    }\n    track_script {\n        kplb_check\n    }\n", ""}}, "",
			all("38", "nothing that it tracks fails when HAProxy is gone: the VIP stays on a node that answers nobody"),
		},
		{"a frozen HAProxy is somebody else's", [][3]string{{conf, "    track_script {\n        kplb_check\n    }\n", ""}}, "", ""},
		{"HAProxy's unit writes nothing, but it is asked", [][3]string{{unit, "ExecStopPost=/bin/sh -c 'echo -254 > /run/kplb/haproxy'\n", ""}}, "", ""},
		{
			"a file that is FAULT while all is well", [][3]string{{unit, "echo 0 >", "echo 1 >"}, {conf, "    weight 1\n", "    weight 0\n"}}, "",
			all("25", "kplb_haproxy is FAULT while all is well: the node never has the VIP"),
		},
		{
			"too light", [][3]string{preempts, {light[0], light[1], strings.Replace(light[2], "40", "5", 1)}}, "",
			of("1", "36", "with HAProxy frozen on kubernetes-node-1 (priority 245), kubernetes-node-1 holds the VIP, though kubernetes-node-2 is well") +
				of("2", "36", "with HAProxy frozen on kubernetes-node-2 (priority 235), kubernetes-node-2 holds the VIP, though kubernetes-node-3 is well"),
		},
		{"heavy enough", [][3]string{preempts, light}, "", ""},
		{
			"another VRID on one node", [][3]string{{conf, "virtual_router_id {{ .VirtualRouterID }}", "virtual_router_id {{ if eq $.Node.Priority 230 }}7{{ else }}8{{ end }}"}}, "",
			of("3", "38", "does not hear kubernetes-node-1: virtual_router_id 7 here, 8 there; who hears nobody takes the VIP, and then two hold it") +
				of("3", "38", "does not hear kubernetes-node-2: virtual_router_id 7 here, 8 there; who hears nobody takes the VIP, and then two hold it"),
		},
		{
			"another version on one node", [][3]string{{conf, "version {{ $.Cluster.VRRP.Version }}", "{{ if ne $.Node.Priority 250 }}version 3{{ end }}"}}, "",
			of("2", "38", "does not hear kubernetes-node-1: VRRP version 3 here, 2 there; who hears nobody takes the VIP, and then two hold it") +
				of("3", "38", "does not hear kubernetes-node-1: VRRP version 3 here, 2 there; who hears nobody takes the VIP, and then two hold it"),
		},
		{
			"a peer is left out", [][3]string{{conf, "{{- range $.Peers }}", "{{- range (ternary (initial $.Peers) $.Peers (eq $.Node.Priority 250)) }}"}}, "",
			of("3", "38", "does not hear kubernetes-node-1: the unicast_peer of kubernetes-node-1 does not have 10.1.1.3; who hears nobody takes the VIP, and then two hold it"),
		},
		{
			"a template of before failback", [][3]string{{conf, "{{- else if .Failback }}", "{{- else if false }}"}}, "failback: true",
			all("41", "nopreempt, but the inventory has vrrp.failback: true"),
		},
		{
			"a template of before multicast", [][3]string{{conf, `{{- if eq $.Cluster.VRRP.Mode "multicast" }}`, "{{- if false }}"}}, "mode: multicast",
			all("50", "unicast_peer, but the inventory has vrrp.mode: multicast, which is what firewalls are opened for"),
		},
		{
			"no instance has the VIP", [][3]string{{conf, "{{ host .Announced }}", "10.1.233.9/32"}}, "",
			all("1", "no vrrp_instance has the VIP 10.1.233.1"),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cluster := withVRRP(t, c.vrrp)
			got := ""
			if err := soundness(t, cluster, c.changes...); err != nil {
				got = err.Error() + "\n"
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestRefusedIsFlawed: what is refused by rule, the model finds by itself.
func TestRefusedIsFlawed(t *testing.T) {
	t.Parallel()
	const conf = "keepalived.conf.tmpl"
	cluster := withVRRP(t, "")
	for _, change := range [][3]string{
		{conf, "    rise 1\n", "    rise 1\n    weight -40\n"},
		{conf, "    weight 1\n", "    weight 20 # of -254\n    # "},
		{"haproxy.service.conf.tmpl", "echo -254", "echo -100"},
		{conf, "    track_file {\n        kplb_haproxy\n    }\n    track_script {\n        kplb_check\n    }\n", ""},
		{conf, "virtual_router_id {{ .VirtualRouterID }}", "virtual_router_id {{ $.Node.Priority }}"},
	} {
		speakers, err := ReadCluster(cluster, rendered(t, cluster, change))
		if err != nil {
			t.Fatal(err)
		}
		proof, err := prove(cluster, speakers)
		if (len(proof.flaws) > 0) != (err != nil) {
			t.Errorf("%q: %v, flaws %v", change[2], err, proof.flaws)
		}
	}
}

// FuzzReadCluster: no file, however broken, does harm.
func FuzzReadCluster(f *testing.F) {
	f.Add("vrrp_instance A {\nvirtual_ipaddress { 10.1.233.1/32 }\ntrack_file { x weight }\nauthentication { auth_pass }\nunicast_peer { x }\n}\n")
	f.Add("{ } } { \"")
	f.Add("vrrp_instance\n{\n{\n{ virtual_ipaddress {\n{ 10.1.233.1 }}}}}")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := inventory.Parse("f", []byte("apiVersion: kplb/v1alpha1\nkind: Cluster\nname: home\nvip: 10.1.233.1\nnodes:\n  - {name: a, address: 10.1.1.1}\n  - {name: b, address: 10.1.1.2}\n"))
		if err != nil {
			t.Fatal(err)
		}
		speakers, err := ReadCluster(c, func(string) Files { return Files{[]byte(text), []byte(text)} })
		if err == nil {
			_ = Sound(c, speakers) // whatever it says
		}
	})
}
