package plan

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/templates"
)

const unsoundTemplate = `{{ .Stamp }}
vrrp_script c { weight -9
}
vrrp_instance A {
    nopreempt
    virtual_router_id {{ .Cluster.VRRP.VirtualRouterID }}
    priority {{ .Node.Priority }}
    interface {{ .Interface }}
    virtual_ipaddress {
        {{ .Cluster.VIP }}/32
    }
    track_script { c }
}
`

// TestTemplates of a person's own are read back before anything goes out.
func TestTemplates(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, template, text, says string }{
		{
			"another VRID", "keepalived.conf.tmpl", "{{ .Stamp }}\nvirtual_router_id 7\npriority {{ .Node.Priority }}\ninterface {{ .Interface }}\n{{ .Cluster.VIP }}\n",
			"node-1: its rendered files do not match the inventory: /etc/keepalived/keepalived.conf does not have virtual_router_id 218",
		},
		{
			"nopreempt with a weight", "keepalived.conf.tmpl", unsoundTemplate,
			"node-1: /etc/keepalived/keepalived.conf:2: nopreempt with a weight: when c fails, the priority changes by -9, and the VIP stays: nobody takes it from a lower priority\n" +
				"node-2: /etc/keepalived/keepalived.conf:2: nopreempt with a weight: when c fails, the priority changes by -9, and the VIP stays: nobody takes it from a lower priority\n" +
				"node-3: /etc/keepalived/keepalived.conf:2: nopreempt with a weight: when c fails, the priority changes by -9, and the VIP stays: nobody takes it from a lower priority",
		},
		{
			"no instance", "keepalived.conf.tmpl", strings.ReplaceAll(unsoundTemplate, "vrrp_instance", "vrrp_instanze"),
			"node-1: /etc/keepalived/keepalived.conf:1: no vrrp_instance has the VIP 10.1.233.1",
		},
		{
			"haproxy is not on the VIP", "haproxy.cfg.tmpl",
			"{{ .Stamp }}\nlisten in\n    bind 127.0.0.1:{{ .Cluster.Port }}\n{{- range .Cluster.Nodes }}\n    server {{ .Name }} {{ hostport .Address $.Cluster.Port }}\n{{- end }}\n",
			"node-1: its rendered files do not match the inventory: /etc/haproxy/haproxy.cfg does not have bind 10.1.233.1:6443",
		},
		{
			"a key that does not exist", "haproxy.cfg.tmpl", "{{ .Stamp }}\nbind {{ (dict \"vip\" .Cluster.VIP).port }}\n",
			"node-1: template: haproxy.cfg.tmpl:2:28: executing \"haproxy.cfg.tmpl\" at <.Cluster.VIP>: map has no entry for key \"port\"",
		},
		{"a field that does not exist", "sysctl.conf.tmpl", "{{ .Stamp }}\n{{ .Nodes }}\n", "node-1: template: sysctl.conf.tmpl:2:3: executing \"sysctl.conf.tmpl\" at <.Nodes>: can't evaluate field Nodes in type render.data"},
		{"no stamp", "sysctl.conf.tmpl", "x\n", "node-1: template sysctl.conf.tmpl has {{ .Stamp }} on 0 lines of its own, want exactly 1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := inputOf(t, home)
			facts := all(t, in, applied)
			set, err := render.Parse(templates.Builtin(), fstest.MapFS{c.template: {Data: []byte(c.text)}})
			if err != nil {
				t.Fatal(err)
			}
			in.Templates = set
			_, err = Make(in.with(facts))
			says(t, err, c.says)
		})
	}
}
