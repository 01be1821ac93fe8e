package render

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/inventory"
)

// ofServices says whether a section of haproxy.cfg is there for services only.
func ofServices(section string) bool {
	return section == "peers kplb" || strings.HasPrefix(section, "frontend service-") || strings.HasPrefix(section, "backend service-")
}

// serviceIntent is what HAProxy does for a service.
type serviceIntent struct {
	Bind, Balance, Check string
	Stick, Sources       []string
	Servers              []string
}

func readService(t *testing.T, sections map[string][][]string, name string) serviceIntent {
	t.Helper()
	frontend, backend := sections["frontend service-"+name+"-in"], sections["backend service-"+name]
	got := serviceIntent{
		Bind:    strings.Join(setting(t, frontend, "bind"), " "),
		Balance: strings.Join(setting(t, backend, "balance"), " "),
		Check:   strings.Join(setting(t, backend, "default-server"), " "),
	}
	if to := setting(t, frontend, "default_backend"); !slices.Equal(to, []string{"service-" + name}) {
		t.Errorf("the frontend of %s leads to %q", name, to)
	}
	rejects := ""
	for _, words := range frontend {
		switch words[0] {
		case "acl":
			got.Sources = append(got.Sources, strings.Join(words[1:], " "))
		case "tcp-request":
			rejects = strings.Join(words[1:], " ")
		}
	}
	want := ""
	if len(got.Sources) > 0 {
		want = "connection reject unless may-come"
	}
	if rejects != want {
		t.Errorf("%s: %q, not %q", name, rejects, want)
	}
	for _, words := range backend {
		switch words[0] {
		case "stick-table", "stick":
			got.Stick = append(got.Stick, strings.Join(words, " "))
		case "server":
			got.Servers = append(got.Servers, strings.Join(words[1:], " "))
		}
	}
	return got
}

func wantService(c *inventory.Cluster, s inventory.Service) serviceIntent {
	want := serviceIntent{Bind: fmt.Sprintf("%s:%d", c.VIP, s.Port), Balance: "roundrobin", Check: fmt.Sprintf("inter %s fall %d rise %d", c.HAProxy.Check.Interval, c.HAProxy.Check.Fall, c.HAProxy.Check.Rise)}
	for _, source := range s.SourceRanges {
		want.Sources = append(want.Sources, "may-come src "+source.String())
	}
	if s.SessionAffinity == inventory.ClientIP {
		want.Stick = []string{fmt.Sprintf("stick-table type ip size 100k expire %ds peers kplb", s.TimeoutSeconds), "stick on src"}
	}
	for _, n := range slices.Concat(c.Nodes, c.Workers) {
		if s.Labels != nil && n.Labels["pool"] != s.Labels["pool"] {
			continue
		}
		server := fmt.Sprintf("%s %s:%d check", n.Name, n.Address, s.NodePort)
		if s.ProxyProtocol {
			server += " send-proxy-v2"
		}
		want.Servers = append(want.Servers, server)
	}
	return want
}

// TestReadBackServices: what HAProxy does for services is what the inventory
// says, and without any there is nothing of them.
func TestReadBackServices(t *testing.T) {
	t.Parallel()
	forCases(t, func(t *testing.T, _ string, c *inventory.Cluster) {
		tree := renderTree(t, c)
		for _, n := range c.Nodes {
			sections := haproxySections(t, tree[n.Name+HAProxyPath].Content)
			for _, s := range c.Services {
				if d := cmp.Diff(wantService(c, s), readService(t, sections, s.Name)); d != "" {
					t.Errorf("%s, %s (-inventory +haproxy.cfg):\n%s", n.Name, s.Name, d)
				}
			}
			checkPeers(t, c, n, sections)
			for section := range sections {
				if len(c.Services) == 0 && ofServices(section) {
					t.Errorf("%s has %s", n.Name, section)
				}
			}
		}
	})
}

// checkPeers wants every node to know all of them, and which it is itself.
func checkPeers(t *testing.T, c *inventory.Cluster, n inventory.Node, sections map[string][][]string) {
	t.Helper()
	if !c.NeedsPeers() {
		if _, there := sections["peers kplb"]; there {
			t.Errorf("%s has peers that nothing needs", n.Name)
		}
		return
	}
	var want [][]string
	for _, peer := range c.Nodes {
		want = append(want, []string{"peer", peer.Name, fmt.Sprintf("%s:%d", peer.Address, c.HAProxy.PeersPort)})
	}
	if d := cmp.Diff(want, sections["peers kplb"]); d != "" {
		t.Errorf("%s: peers:\n%s", n.Name, d)
	}
	if self := setting(t, sections["global"], "localpeer"); !slices.Equal(self, []string{n.Name}) {
		t.Errorf("%s takes itself for %q", n.Name, self)
	}
}

// TestServicesChangeNothingElse: the lines that services do not need are those
// that there are without them.
func TestServicesChangeNothingElse(t *testing.T) {
	t.Parallel()
	c := loadCluster(t, casesDir+"/services/inventory.yaml")
	with := renderTree(t, c)
	without := *c
	without.Services = nil
	for path, a := range renderTree(t, &without) {
		if !strings.HasSuffix(path, HAProxyPath) {
			if d := cmp.Diff(string(a.Content), string(with[path].Content)); d != "" {
				t.Errorf("%s:\n%s", path, d)
			}
			continue
		}
		lines := strings.Split(string(a.Content), "\n")[1:] // the stamp has a sum of all
		for line := range strings.Lines(string(with[path].Content)) {
			if len(lines) > 0 && strings.TrimSuffix(line, "\n") == lines[0] {
				lines = lines[1:]
			}
		}
		if len(lines) > 1 {
			t.Errorf("%s: %q is gone, or stands elsewhere", path, lines[0])
		}
	}
}

// TestServiceVIPs: a service is where its clients look for it, and nowhere else.
func TestServiceVIPs(t *testing.T) {
	t.Parallel()
	c := withVIPs(t, `[10.1.233.1, 10.1.233.2, "fd10:1::100"]`, `
services:
  - {name: one, port: 80, nodePort: 30080, vip: 10.1.233.1, sessionAffinity: ClientIP}
  - {name: two, port: 80, nodePort: 30081, vip: 10.1.233.2}
  - {name: all, port: 81, nodePort: 30082, sessionAffinity: ClientIP}
`)
	sections := haproxySections(t, renderTree(t, c)[c.Nodes[0].Name+HAProxyPath].Content)
	for section, want := range map[string][]string{
		"frontend service-one-in": {"bind 10.1.233.1:80"},
		"frontend service-two-in": {"bind 10.1.233.2:80"},
		"frontend service-all-in": {"bind 10.1.233.1:81", "bind 10.1.233.2:81", "bind [fd10:1::100]:81"},
		"backend service-one":     {"stick-table type ip size 100k expire 10800s peers kplb"},
		"backend service-all":     {"stick-table type ipv6 size 100k expire 10800s peers kplb"},
	} {
		var got []string
		for _, words := range sections[section] {
			if words[0] == "bind" || words[0] == "stick-table" {
				got = append(got, strings.Join(words, " "))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has %q, not %q", section, got, want)
		}
	}
}
