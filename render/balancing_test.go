package render_test

import (
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/templates"
)

func parsed(t *testing.T, text string) *inventory.Cluster {
	t.Helper()
	c, err := inventory.Parse("cluster.yaml", []byte("apiVersion: kplb/v1alpha1\nkind: Cluster\nname: home\nvip: 10.1.233.1\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const threeNodes = `nodes:
  - {name: a, address: 10.1.1.1}
  - {name: b, address: 10.1.1.2}
  - {name: c, address: 10.1.1.3}
`

// TestReadBackBalancing is for what HAProxy takes and clients would not.
func TestReadBackBalancing(t *testing.T) {
	t.Parallel()
	c := parsed(t, threeNodes)
	set, err := render.Parse(templates.Builtin(), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := render.DefaultFacts(c.Nodes[0])
	cases := []struct{ name, old, now, want string }{
		{"as it is", "", "", ""},
		{"no mode is tcp", "    mode tcp\n", "", ""},
		{"http everywhere", "    mode tcp\n", "    mode http\n", "/etc/haproxy/haproxy.cfg has backend kube-apiserver in mode http: clients speak TLS with the apiserver, it has to be tcp\n" +
			"/etc/haproxy/haproxy.cfg has frontend kube-apiserver-in in mode http: clients speak TLS with the apiserver, it has to be tcp"},
		{"http in the frontend", "    option tcplog\n", "    option tcplog\n    mode http\n",
			"/etc/haproxy/haproxy.cfg has frontend kube-apiserver-in in mode http: clients speak TLS with the apiserver, it has to be tcp"},
		{"another path", "uri /readyz", "uri /nothing", "/etc/haproxy/haproxy.cfg checks /nothing, which is none of /readyz, /livez, /healthz"},
		{"another good path", "uri /readyz", "uri /livez", ""},
		{"the old form", "    option httpchk\n", "    option httpchk GET /nothing HTTP/1.0\n", "/etc/haproxy/haproxy.cfg checks /nothing, which is none of /readyz, /livez, /healthz"},
		{"the short form", "    option httpchk\n", "    option httpchk /healthz\n", ""},
		{"no check of HTTP", "    option httpchk\n    http-check send meth GET uri /readyz\n    http-check expect status 200\n", "", ""},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			artifacts, err := set.Node(c, c.Nodes[0], f)
			if err != nil {
				t.Fatal(err)
			}
			for i, a := range artifacts {
				if a.Path == render.HAProxyPath {
					if !strings.Contains(string(a.Content), tt.old) {
						t.Fatalf("haproxy.cfg has no %q", tt.old)
					}
					artifacts[i].Content = []byte(strings.Replace(string(a.Content), tt.old, tt.now, 1))
				}
			}
			got := ""
			if err := render.ReadBack(artifacts, c, c.Nodes[0], f); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestReadBack: the files of one node are not those of another one, nor for
// another interface.
func TestReadBack(t *testing.T) {
	t.Parallel()
	c := parsed(t, threeNodes)
	set, err := render.Parse(templates.Builtin(), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := render.DefaultFacts(c.Nodes[1])
	artifacts, err := set.Node(c, c.Nodes[1], f)
	if err != nil {
		t.Fatal(err)
	}
	if err := render.ReadBack(artifacts, c, c.Nodes[1], f); err != nil {
		t.Errorf("the built-in templates: %v", err)
	}
	const want = `/etc/keepalived/keepalived.conf does not have priority 230
/etc/keepalived/keepalived.conf does not have interface eth1`
	f.Interface = "eth1"
	if err := render.ReadBack(artifacts, c, c.Nodes[2], f); err == nil || err.Error() != want {
		t.Errorf("another node's files:\n%v\nwant\n%v", err, want)
	}
}
