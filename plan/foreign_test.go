package plan

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/render"
)

const (
	ingress = "global\n    daemon\nfrontend ingress-https\n    bind *:443\n    default_backend web\nbackend web\n    server a 10.1.1.4:443\n"
	second  = "vrrp_instance ingress {\n    interface eth0\n    virtual_router_id 9\n    virtual_ipaddress {\n        10.1.233.9/16\n    }\n}\n"
	// what people make by hand for what kplb does
	byHand = "defaults\n    mode tcp\nfrontend kubernetes\n    bind 10.1.233.1:6443\n    default_backend k\nbackend k\n    server node-1 10.1.1.1:6443\n"
	speaks = "vrrp_instance VI_1 {\n    virtual_ipaddress {\n        10.1.233.1\n    }\n}\nstatic_ipaddress {\n    10.1.233.1/16 dev eth0\n}\n"
)

const foreignHint = "this is not kplb's: have another file, machine or a template of yours do it, or give --replace-foreign to end it"

func active(f *node.Facts) {
	for _, unit := range []string{"haproxy.service", "keepalived.service"} {
		set(f, unit, func(u *node.Unit) { u.Active, u.File = "active", "enabled" })
	}
}

// TestForeign: what ends is said, and refused unless somebody says that it may end.
func TestForeign(t *testing.T) {
	t.Parallel()
	haproxyCfg := func(text string) func(*node.Facts) {
		return func(f *node.Facts) { active(f); put(f, render.HAProxyPath, 0o644, []byte(text)) }
	}
	keepalivedConf := func(text string) func(*node.Facts) {
		return func(f *node.Facts) { active(f); put(f, render.KeepalivedPath, 0o644, []byte(text)) }
	}
	both := func(f *node.Facts) { haproxyCfg(ingress)(f); keepalivedConf(second)(f) }
	cases := []struct {
		name      string
		inventory string // default: home
		differ    func(*node.Facts)
		ends      []string // and refused
		says      []string // of what is carried on
	}{
		{name: "the package's own", differ: haproxyCfg("global\n    daemon\ndefaults\n    mode http\n")},
		{name: "no file", differ: func(f *node.Facts) { delete(f.Files, render.HAProxyPath) }},
		{
			name: "an ingress and a second VIP", differ: both,
			ends: []string{"haproxy stops listening on *:443 (frontend ingress-https)", "keepalived gives up 10.1.233.9"},
		},
		{
			name: "daemons that do not run", differ: func(f *node.Facts) {
				put(f, render.HAProxyPath, 0o644, []byte(ingress))
				put(f, render.KeepalivedPath, 0o644, []byte(second))
			},
			ends: []string{
				"haproxy stops listening on *:443 (frontend ingress-https); it does not run now", "keepalived gives up 10.1.233.9; it does not run now",
			},
		},
		{
			name: "what kplb does, too", differ: func(f *node.Facts) { haproxyCfg(byHand)(f); keepalivedConf(speaks)(f) },
			says: []string{
				"/etc/haproxy/haproxy.cfg was not written by kplb; what it is for goes on with kplb's",
				"/etc/keepalived/keepalived.conf was not written by kplb; what it is for goes on with kplb's",
			},
		},
		{
			name: "and a page of statistics", differ: haproxyCfg(byHand + "listen stats\n    bind *:9000\n"),
			ends: []string{"haproxy stops listening on *:9000 (listen stats)"},
		},
		{
			name: "the apiserver's port of every address", differ: haproxyCfg("listen k\n    bind *:6443\n"),
			says: []string{"/etc/haproxy/haproxy.cfg was not written by kplb; what it is for goes on with kplb's"},
		},
		{
			name: "the VIP at another port", differ: haproxyCfg("listen k\n    bind 10.1.233.1:8443\n"),
			ends: []string{"haproxy stops listening on 10.1.233.1:8443 (listen k)"},
		},
		{
			name: "which the inventory has", inventory: home + "services:\n  - {name: web, port: 80, nodePort: 30080}\n",
			differ: haproxyCfg("listen web\n    bind 10.1.233.1:80\n"),
			says:   []string{"/etc/haproxy/haproxy.cfg was not written by kplb; what it is for goes on with kplb's"},
		},
		{
			name: "every address at a port that kplb has for one", inventory: home + "services:\n  - {name: web, port: 80, nodePort: 30080}\n",
			differ: haproxyCfg("listen web\n    bind :80\n"),
			ends:   []string{"haproxy stops listening on *:80 (listen web)"},
		},
		{
			name: "the VIP and another one", differ: keepalivedConf("vrrp_instance A {\n virtual_ipaddress {\n 10.1.233.1\n }\n virtual_ipaddress_excluded {\n 10.1.233.7\n 10.1.233.7\n }\n}"),
			ends: []string{"keepalived gives up 10.1.233.7"},
		},
		{
			name: "included files", differ: func(f *node.Facts) {
				keepalivedConf("include conf.d/*.conf\ninclude /etc/keepalived/more\n")(f)
				put(f, "/etc/keepalived/conf.d/b.conf", 0o644, []byte(second+"include ../keepalived.conf\ninclude *.conf\n"))
				put(f, "/etc/keepalived/conf.d/a.conf", 0o644, []byte("global_defs {\n}\n"))
			},
			ends: []string{"keepalived gives up 10.1.233.9", "keepalived stops reading /etc/keepalived/more (include)"},
		},
		{
			name: "a file that is not understood", differ: keepalivedConf("@node-2 vrrp_instance A {\n virtual_ipaddress {\n 10.1.233.1\n }\n}"),
			ends: []string{"keepalived stops what line 1 of its file, `@node-2 vrrp_instance A`, asks for"},
		},
		{
			name: "an exposure without HAProxy leaves haproxy.cfg alone", inventory: strings.Replace(home, "haproxy:\n  monitorPort: 8404\n", "exposure: ipvs\n", 1),
			differ: func(f *node.Facts) { both(f); f.Kernel = node.Kernel{IPVS: "there"} },
			ends:   []string{"keepalived gives up 10.1.233.9"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text := c.inventory
			if text == "" {
				text = home
			}
			in := inputOf(t, text)
			facts := all(t, in, freshOf)
			for _, f := range facts {
				f.Kernel = node.Kernel{IPVS: "there"}
			}
			c.differ(facts["node-2"])
			p, err := Make(in.with(facts))
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(p.Nodes, func(n NodePlan) bool { return n.Node.Name == "node-2" })
			same(t, "ends", p.Nodes[i].Ends(), c.ends)
			want := slices.Concat(c.ends, c.says)
			same(t, "consequences", p.Nodes[i].Consequences()[:len(want)], append([]string{}, want...))
			refusesForeign(t, p, c.ends)
		})
	}
}

func refusesForeign(t *testing.T, p *Plan, ends []string) {
	t.Helper()
	var refused *refusal.Error
	if !errors.As(p.RefuseForeign(), &refused) {
		same(t, "refused", 0, len(ends))
		return
	}
	want := make([]refusal.Refusal, len(ends))
	for i, end := range ends {
		want[i] = refusal.Refusal{Node: "node-2", What: end, Hint: foreignHint}
	}
	same(t, "refused", refused.Refusals, want)
}

// TestForeignWorker: a worker's haproxy.cfg may be somebody's ingress, and the apiserver's port
// is nothing that kplb carries on there.
func TestForeignWorker(t *testing.T) {
	t.Parallel()
	in, facts := balancedInput(t, justJoined)
	active(facts[theWorker])
	put(facts[theWorker], render.HAProxyPath, 0o644, []byte(ingress+"frontend k\n    bind *:6443\n"))
	p, err := Make(in.with(facts))
	if err != nil {
		t.Fatal(err)
	}
	last := p.Nodes[len(p.Nodes)-1]
	same(t, "node", last.Node.Name, theWorker)
	same(t, "ends", last.Ends(), []string{"haproxy stops listening on *:443 (frontend ingress-https)", "haproxy stops listening on *:6443 (frontend k)"})
}

// TestForeignOnTheWayBack: who has put an own file where kplb's was is asked, too;
// what the generation has goes on.
func TestForeignOnTheWayBack(t *testing.T) {
	t.Parallel()
	in := inputOf(t, home)
	facts, saved := all(t, in, applied), savedSnapshots{}
	for _, n := range in.Cluster.Nodes {
		before := freshOf(t, in, n)
		active(before)
		put(before, render.HAProxyPath, 0o644, []byte(ingress))
		saved[SnapshotRequest{n.Name, 0}] = plantest.Snapshot(before)
	}
	in.Target = ToGeneration
	p, err := makeWith(t, in.with(facts), saved)
	says(t, err, "")
	says(t, p.RefuseForeign(), "")

	put(facts["node-2"], render.HAProxyPath, 0o644, []byte(ingress+"frontend more\n    bind 10.1.1.2:6443\n    bind :80\n"))
	p, err = makeWith(t, in.with(facts), saved)
	says(t, err, "")
	says(t, p.RefuseForeign(), "node-2: haproxy stops listening on 10.1.1.2:6443 (frontend more)\nnode-2: haproxy stops listening on *:80 (frontend more)")
}

// TestForeignLeaver: a node that leaves has what it had before, and no more.
func TestForeignLeaver(t *testing.T) {
	t.Parallel()
	in := inputOf(t, home)
	facts := all(t, in, applied)
	gone := in.Cluster.Nodes[2]
	in.Cluster.Nodes, in.Leaving = in.Cluster.Nodes[:2], []inventory.Node{gone}
	put(facts[gone.Name], render.KeepalivedPath, 0o600, []byte(speaks))
	saved := savedSnapshots{{gone.Name, 0}: plantest.Snapshot(freshOf(t, in, gone))}
	p, err := makeWith(t, in.with(facts), saved)
	says(t, err, "")
	says(t, p.RefuseForeign(), "node-3: keepalived gives up 10.1.233.1")
}
