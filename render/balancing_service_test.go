package render_test

import (
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/templates"
)

const withServices = threeNodes + `services:
  - {name: web, port: 80, nodePort: 30080, proxyProtocol: true}
  - {name: game, port: 7777, nodePort: 30777, sessionAffinity: ClientIP, sourceRanges: [10.1.0.0/16, 192.168.7.0/24]}
`

// TestReadBackServiceLines has templates that leave out what a service needs.
func TestReadBackServiceLines(t *testing.T) {
	t.Parallel()
	const lacks = "/etc/haproxy/haproxy.cfg does not have "
	c := parsed(t, withServices)
	for _, tt := range []struct{ name, old, now, want string }{
		{"as it is", "", "", ""},
		{"another port", "bind 10.1.233.1:80\n", "bind 10.1.233.1:8080\n", lacks + "bind 10.1.233.1:80 of service web"},
		{"a server is missing", "    server b 10.1.1.2:30777 check\n", "", lacks + "a server 10.1.1.2:30777 of service game"},
		{
			"a server without the protocol", "10.1.1.3:30080 check send-proxy-v2", "10.1.1.3:30080 check # send-proxy-v2",
			lacks + "a server 10.1.1.3:30080 of service web, with send-proxy-v2",
		},
		{"more options", "10.1.1.3:30080 check send-proxy-v2", "10.1.1.3:30080 weight 7 check send-proxy-v2 inter 1s", ""},
		{"open to more", "    acl may-come src 10.1.0.0/16\n", "", lacks + "src 10.1.0.0/16 of service game"},
		{"another form of the sources", "    acl may-come src 10.1.0.0/16\n    acl may-come src 192.168.7.0/24\n    tcp-request connection reject unless may-come\n",
			"    tcp-request connection reject unless { src 10.1.0.0/16 192.168.7.0/24 }\n", ""},
		{"another timeout", "expire 10800s", "expire 10s", lacks + "a stick-table with expire 10800s of service game"},
		{"another size", "size 100k", "size 1m", ""},
		{"not itself", "    localpeer a\n", "", lacks + "localpeer a"},
		{"a peer is missing", "    peer c 10.1.1.3:8405\n", "", lacks + "the peer c 10.1.1.3:8405"},
		{"a check over HTTP", "backend service-web\n", "backend service-web\n    option httpchk GET /shop\n", ""},
		{"HTTP", "frontend service-web-in\n", "frontend service-web-in\n    mode http\n", ""},
		{
			"a check over HTTP where no service is", "backend kube-apiserver\n", "backend kube-apiserver\n    option httpchk GET /shop\n",
			"/etc/haproxy/haproxy.cfg checks /shop, which is none of /readyz, /livez, /healthz",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := readBack(t, c, tt.old, tt.now); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// readBack is what is wrong with the first node's files after a change of
// haproxy.cfg.
func readBack(t *testing.T, c *inventory.Cluster, old, now string) string {
	t.Helper()
	set, err := render.Parse(templates.Builtin(), nil)
	if err != nil {
		t.Fatal(err)
	}
	facts := render.DefaultFacts(c.Nodes[0])
	artifacts, err := set.Node(c, c.Nodes[0], facts)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range artifacts {
		if a.Path == render.HAProxyPath {
			if !strings.Contains(string(a.Content), old) {
				t.Fatalf("haproxy.cfg has no %q", old)
			}
			artifacts[i].Content = []byte(strings.Replace(string(a.Content), old, now, 1))
		}
	}
	if err := render.ReadBack(artifacts, c, c.Nodes[0], facts); err != nil {
		return err.Error()
	}
	return ""
}
