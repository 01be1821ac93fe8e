package render

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/inventory"
)

// TestReadBackIPVS: what the kernel is told, read with a reader that knows
// nothing of the templates.
func TestReadBackIPVS(t *testing.T) {
	t.Parallel()
	forCases(t, func(t *testing.T, _ string, c *inventory.Cluster) {
		for _, n := range c.Nodes {
			root := keepalivedBlocks(t, renderTree(t, c)[n.Name+KeepalivedPath].Content)
			server, there := root.blocks["virtual_server fwmark 107"]
			if there != (c.Exposure == inventory.IPVS) {
				t.Errorf("%s has a virtual server: %t", n.Name, there)
			}
			if !there {
				continue
			}
			if d := cmp.Diff(map[string]string{"delay_loop": "2", "lb_algo": "rr", "lb_kind": "NAT", "alpha": ""}, server.settings); d != "" {
				t.Error(d)
			}
			if len(server.blocks) != len(c.Nodes) {
				t.Errorf("%d real servers of %d nodes", len(server.blocks), len(c.Nodes))
			}
			for _, other := range c.Nodes {
				one := server.blocks[fmt.Sprintf("real_server %s %d", other.Address, c.Port)]
				check, times := one.blocks["SSL_GET"], map[string]string{"connect_timeout": "2", "retry": "1", "delay_before_retry": "1", "warmup": "0"}
				if c.IPVS.Check == inventory.CheckTCP {
					check = one.blocks["TCP_CHECK"]
				} else if d := cmp.Diff([]string{"path /readyz", "status_code 200"}, check.blocks["url"].lines); d != "" {
					t.Errorf("%s: %s", other.Name, d)
				}
				if d := cmp.Diff(times, check.settings); d != "" {
					t.Errorf("%s: %s", other.Name, d)
				}
			}
		}
	})
}

// TestIPVSAnonymous: where anonymous requests are refused, such an answer
// counts, as it does for HAProxy.
func TestIPVSAnonymous(t *testing.T) {
	t.Parallel()
	c := loadCluster(t, "../examples/ipvs.yaml")
	f := DefaultFacts(c.Nodes[0])
	f.Expect = "200,401,403"
	artifacts, err := builtin(t).Node(c, c.Nodes[0], f)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(contentAt(artifacts, KeepalivedPath)), "status_code 200 401 403\n"); got != 3 {
		t.Errorf("%d servers have it", got)
	}
}

func contentAt(artifacts []Artifact, path string) []byte {
	i := slices.IndexFunc(artifacts, func(a Artifact) bool { return a.Path == path })
	return artifacts[i].Content
}

// TestReadBackRefusesIPVS: what a template of somebody's own could make of it.
func TestReadBackRefusesIPVS(t *testing.T) {
	t.Parallel()
	c := loadCluster(t, "../examples/ipvs.yaml")
	n, f := c.Nodes[0], DefaultFacts(c.Nodes[0])
	for name, test := range map[string]struct{ path, old, now, want string }{
		"as it is":          {KeepalivedPath, "alpha", "alpha", ""},
		"without a method":  {KeepalivedPath, "lb_kind NAT", "# NAT is keepalived's own", ""},
		"newer words":       {KeepalivedPath, "lb_kind NAT", "lvs_method NAT", ""},
		"direct routing":    {KeepalivedPath, "lb_kind NAT", "lb_kind DR", KeepalivedPath + " has lb_kind DR: it has to be NAT"},
		"on every node":     {KeepalivedPath, "fwmark 107", "10.1.233.1 6443", KeepalivedPath + " does not have virtual_server fwmark 107"},
		"another mark":      {KeepalivedPath, "fwmark 107", "fwmark 1070", KeepalivedPath + " does not have virtual_server fwmark 107"},
		"a server less":     {KeepalivedPath, "real_server 10.1.1.2 6443", "real_server 10.1.1.9 6443", KeepalivedPath + " does not have real_server 10.1.1.2 6443"},
		"another VIP":       {KeepalivedPath, "10.1.233.1/32", "10.1.233.2/32", KeepalivedPath + " does not have the VIP 10.1.233.1"},
		"no mark":           {IPVSPath, "meta mark set", "counter #", IPVSPath + " does not have dport 6443 meta mark set 107 for 10.1.233.1:6443"},
		"mark of another":   {IPVSPath, "set 107", "set 1", IPVSPath + " does not have dport 6443 meta mark set 107 for 10.1.233.1:6443"},
		"another port":      {IPVSPath, "tcp dport 6443", "tcp dport 64430", IPVSPath + " does not have dport 6443 meta mark set 107 for 10.1.233.1:6443"},
		"answers elsewhere": {IPVSPath, "masquerade", "accept", IPVSPath + " does not have masquerade for 10.1.233.1:6443"},
	} {
		artifacts, err := builtin(t).Node(c, n, f)
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range artifacts {
			if a.Path == test.path {
				artifacts[i].Content = replaceAll(t, a.Content, test.old, test.now)
			}
		}
		got := ""
		if err := ReadBack(artifacts, c, n, f); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// TestReadBackUncheckedServer: a server that nobody checks gets connections when it
// is down.
func TestReadBackUncheckedServer(t *testing.T) {
	t.Parallel()
	config := "virtual_server fwmark 107 {\n lb_kind NAT\n real_server 10.1.1.1 6443 {\n }\n}\n"
	c := loadCluster(t, "../examples/ipvs.yaml")
	c.Nodes = c.Nodes[:1]
	got := fmt.Sprint(readBackIPVS([]byte(config), c))
	if want := "[" + KeepalivedPath + " does not check real_server 10.1.1.1 6443: it would get connections when it is down]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
