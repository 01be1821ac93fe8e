package render

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/inventory"
)

// What the daemons are told is read back with readers that know nothing of the
// templates, and compared with what the inventory says.

// haproxySections reads haproxy.cfg: section header to lines of words.
func haproxySections(t *testing.T, content []byte) map[string][][]string {
	t.Helper()
	sections := map[string][][]string{}
	current := ""
	for line := range strings.SplitSeq(string(content), "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		case line[0] != ' ':
			current = strings.Join(words, " ")
			if _, twice := sections[current]; twice {
				t.Errorf("section %s twice", current)
			}
			sections[current] = nil
		default:
			sections[current] = append(sections[current], words)
		}
	}
	return sections
}

// setting returns the words after the keyword, which must stand there once.
func setting(t *testing.T, lines [][]string, keyword ...string) []string {
	t.Helper()
	var found [][]string
	for _, words := range lines {
		if len(words) >= len(keyword) && slices.Equal(words[:len(keyword)], keyword) {
			found = append(found, words[len(keyword):])
		}
	}
	if len(found) != 1 {
		t.Errorf("%s stands there %d times", strings.Join(keyword, " "), len(found))
		return nil
	}
	return found[0]
}

func haproxyTime(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Error(err)
	}
	return d
}

// haproxyIntent is what HAProxy does with the file.
type haproxyIntent struct {
	Bind, Monitor      string
	Servers            []string
	Balance, MaxConn   string
	Timeouts           inventory.Timeouts
	Interval, FastMost time.Duration
	Fall, Rise         string
}

func readHAProxy(t *testing.T, content []byte) haproxyIntent {
	t.Helper()
	s := haproxySections(t, content)
	sections := slices.DeleteFunc(slices.Sorted(maps.Keys(s)), func(section string) bool { return ofServices(section) || section == "frontend kplb-metrics" })
	want := []string{"backend kube-apiserver", "defaults", "frontend kplb-monitor", "frontend kube-apiserver-in", "global"}
	if d := cmp.Diff(want, sections); d != "" {
		t.Errorf("sections:\n%s", d)
	}
	defaults, backend := s["defaults"], s["backend kube-apiserver"]
	got := haproxyIntent{
		Monitor: strings.Join(setting(t, s["frontend kplb-monitor"], "bind"), " "),
		Balance: strings.Join(setting(t, backend, "balance"), " "),
		MaxConn: strings.Join(setting(t, s["global"], "maxconn"), " "),
	}
	if to := setting(t, s["frontend kube-apiserver-in"], "default_backend"); !slices.Equal(to, []string{"kube-apiserver"}) {
		t.Errorf("the frontend leads to %q", to)
	}
	for _, words := range s["frontend kube-apiserver-in"] {
		if words[0] == "bind" {
			got.Bind = strings.TrimSpace(got.Bind + " " + strings.Join(words[1:], " "))
		}
	}
	for _, words := range backend {
		if words[0] == "server" {
			got.Servers = append(got.Servers, strings.Join(words[1:], " "))
		}
	}
	for keyword, to := range map[string]*time.Duration{
		"connect": &got.Timeouts.Connect, "client": &got.Timeouts.Client, "server": &got.Timeouts.Server,
		"tunnel": &got.Timeouts.Tunnel, "check": &got.Timeouts.Check,
	} {
		*to = haproxyTime(t, strings.Join(setting(t, defaults, "timeout", keyword), " "))
	}
	server := setting(t, backend, "default-server")
	word := func(keyword string) string {
		if i := slices.Index(server, keyword); i >= 0 {
			return server[i+1]
		}
		return ""
	}
	got.Interval = haproxyTime(t, word("inter"))
	got.Fall, got.Rise = word("fall"), word("rise")
	got.FastMost = got.Interval
	if fast := word("fastinter"); fast != "" {
		got.FastMost = max(got.FastMost, haproxyTime(t, fast))
	}
	for _, needed := range []string{"check", "check-ssl"} {
		if !slices.Contains(server, needed) {
			t.Errorf("default-server has no %s", needed)
		}
	}
	if word("verify") != "required" || word("ca-file") != "/etc/kubernetes/pki/ca.crt" {
		t.Errorf("checks do not verify the apiserver: %q", server)
	}
	return got
}

func TestReadBackHAProxy(t *testing.T) {
	t.Parallel()
	forCases(t, func(t *testing.T, _ string, c *inventory.Cluster) {
		if c.Exposure == inventory.IPVS {
			for path := range renderTree(t, c) {
				if strings.Contains(path, "haproxy") {
					t.Errorf("%s is there", path)
				}
			}
			return
		}
		want := haproxyIntent{
			Bind: strings.Trim(fmt.Sprint(c.Frontends()), "[]"), Monitor: fmt.Sprintf("127.0.0.1:%d", c.HAProxy.MonitorPort),
			Balance: c.HAProxy.Balance, MaxConn: strconv.Itoa(c.HAProxy.MaxConn), Timeouts: c.HAProxy.Timeouts,
			Interval: c.HAProxy.Check.Interval, FastMost: c.HAProxy.Check.Interval,
			Fall: strconv.Itoa(c.HAProxy.Check.Fall), Rise: strconv.Itoa(c.HAProxy.Check.Rise),
		}
		for _, n := range c.Nodes {
			want.Servers = append(want.Servers, fmt.Sprintf("%s %s:%d tcp-ut %s", n.Name, n.Address, c.Port, c.HAProxy.Unacknowledged))
		}
		tree := renderTree(t, c)
		for _, n := range c.Nodes {
			if d := cmp.Diff(want, readHAProxy(t, tree[n.Name+HAProxyPath].Content)); d != "" {
				t.Errorf("%s (-inventory +haproxy.cfg):\n%s", n.Name, d)
			}
		}
	})
}

// block is a block of keepalived.conf.
type block struct {
	settings map[string]string // keyword to the rest of the line
	blocks   map[string]block  // header to block
	lines    []string          // all that is neither
}

// keepalivedBlocks reads keepalived.conf; ! and # begin comments anywhere.
func keepalivedBlocks(t *testing.T, content []byte) block {
	t.Helper()
	type level struct {
		block
		header string
	}
	empty := func() block { return block{settings: map[string]string{}, blocks: map[string]block{}} }
	stack := []level{{block: empty()}}
	for line := range strings.SplitSeq(string(content), "\n") {
		if i := strings.IndexAny(line, "!#"); i >= 0 {
			line = line[:i]
		}
		line = strings.Join(strings.Fields(line), " ")
		top := &stack[len(stack)-1]
		keyword, rest, _ := strings.Cut(line, " ")
		header, opens := strings.CutSuffix(line, " {")
		switch {
		case line == "":
		case opens:
			stack = append(stack, level{empty(), header})
		case line == "}":
			if len(stack) == 1 {
				t.Fatal("a } too many")
			}
			stack = stack[:len(stack)-1]
			stack[len(stack)-1].blocks[top.header] = top.block
		default:
			if _, twice := top.settings[keyword]; twice {
				t.Errorf("%s: %s twice", top.header, keyword)
			}
			top.settings[keyword] = rest
			top.lines = append(top.lines, line)
		}
	}
	if len(stack) != 1 {
		t.Fatal("a } is missing")
	}
	return stack[0].block
}

// keepalivedIntent is what keepalived does with the file.
type keepalivedIntent struct {
	RouterID, State, Interface, VRID, Priority, Version string
	Advert                                              time.Duration
	NoPreempt                                           bool
	Source                                              string
	Peers, Addresses, Others, Files, Scripts            []string
	AuthType, AuthPass                                  string
	MulticastSource                                     string
}

func readKeepalived(t *testing.T, content []byte, instance string) keepalivedIntent {
	t.Helper()
	root := keepalivedBlocks(t, content)
	in, ok := root.blocks["vrrp_instance "+instance]
	if !ok {
		t.Fatal("no vrrp_instance " + instance)
	}
	global := root.blocks["global_defs"]
	if _, ok := global.settings["enable_script_security"]; !ok || global.settings["script_user"] != "root" {
		t.Error("scripts are not secured")
	}
	seconds, err := strconv.ParseFloat(in.settings["advert_int"], 64)
	if err != nil {
		t.Error(err)
	}
	_, noPreempt := in.settings["nopreempt"]
	got := keepalivedIntent{
		RouterID: global.settings["router_id"], State: in.settings["state"], Interface: in.settings["interface"],
		VRID: in.settings["virtual_router_id"], Priority: in.settings["priority"], Version: in.settings["version"],
		Advert: time.Duration(seconds*1000) * time.Millisecond, NoPreempt: noPreempt,
		Source: in.settings["unicast_src_ip"], Peers: in.blocks["unicast_peer"].lines,
		Others:    in.blocks["virtual_ipaddress_excluded"].lines,
		Addresses: in.blocks["virtual_ipaddress"].lines, Files: in.blocks["track_file"].lines, Scripts: in.blocks["track_script"].lines,
		MulticastSource: in.settings["mcast_src_ip"],
		AuthType:        in.blocks["authentication"].settings["auth_type"], AuthPass: in.blocks["authentication"].settings["auth_pass"],
	}
	for _, name := range got.Files {
		if file := root.blocks["track_file "+name].settings; file["file"] != `"/run/kplb/haproxy"` || file["weight"] != "1" || file["init_file"] != "-254" {
			t.Errorf("track_file %s is %q", name, file)
		}
	}
	for _, name := range got.Scripts {
		script := root.blocks["vrrp_script "+name].settings
		// with a weight and nopreempt, the VIP would never move: vrrp refuses it
		if _, weight := script["weight"]; weight || script["script"] != `"`+CheckPath+`"` {
			t.Errorf("vrrp_script %s is %q", name, script)
		}
	}
	return got
}

func wantKeepalived(c *inventory.Cluster, g inventory.Group, n inventory.Node) keepalivedIntent {
	iface := n.Interface
	if iface == "" {
		iface = DefaultInterface
	}
	want := keepalivedIntent{
		RouterID: n.Name, State: "BACKUP", Interface: iface, VRID: strconv.Itoa(g.VirtualRouterID),
		Priority: strconv.Itoa(g.Priorities[n.Name]), Version: strconv.Itoa(c.VRRP.Version), Advert: c.VRRP.AdvertInterval, NoPreempt: !g.Failback,
		Addresses: []string{host(g.VIPs[0]) + " dev " + iface},
		Files:     []string{"kplb_haproxy"}, Scripts: []string{"kplb_check"},
	}
	if c.Exposure == inventory.IPVS {
		want.Files = nil
	}
	for _, vip := range g.VIPs[1:] {
		want.Others = append(want.Others, host(vip)+" dev "+iface)
	}
	if c.VRRP.Mode == inventory.Multicast {
		want.MulticastSource = n.Address.String()
	} else if len(c.Nodes) > 1 {
		want.Source = n.Address.String()
		for _, other := range c.Nodes {
			if other.Address != n.Address {
				want.Peers = append(want.Peers, other.Address.String())
			}
		}
	}
	if c.VRRP.Auth != nil {
		want.AuthType, want.AuthPass = "PASS", "{kplb-secret:vrrp-auth}"
	}
	return want
}

func TestReadBackKeepalived(t *testing.T) {
	t.Parallel()
	forCases(t, func(t *testing.T, _ string, c *inventory.Cluster) {
		tree := renderTree(t, c)
		for _, g := range c.Groups() {
			readBackGroup(t, c, g, tree)
		}
	})
}

func readBackGroup(t *testing.T, c *inventory.Cluster, g inventory.Group, tree Tree) {
	t.Helper()
	priorities := map[string]bool{}
	for _, n := range c.Nodes {
		a := tree[n.Name+KeepalivedPath]
		got, want := readKeepalived(t, a.Content, g.Name), wantKeepalived(c, g, n)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-inventory +keepalived.conf):\n%s", n.Name, d)
		}
		if priorities[got.Priority] {
			t.Errorf("two nodes have priority %s", got.Priority)
		}
		priorities[got.Priority] = true

		if want.AuthPass != "" {
			want.AuthPass = "geheim42"
		}
		filled := Secrets{VRRPAuth: "geheim42"}.Fill(a)
		if d := cmp.Diff(want, readKeepalived(t, filled.Content, g.Name)); d != "" {
			t.Errorf("%s, filled (-inventory +keepalived.conf):\n%s", n.Name, d)
		}
	}
}

// TestReadBackRest: the small files.
func TestReadBackRest(t *testing.T) {
	t.Parallel()
	forCases(t, func(t *testing.T, _ string, c *inventory.Cluster) {
		tree := renderTree(t, c)
		for _, n := range c.Nodes {
			sysctl, gone := []string{"net.ipv4.ip_nonlocal_bind = 1"}, make([]string, 0, len(c.VIPs))
			if len(c.VIPs6()) > 0 {
				sysctl = append(sysctl, "net.ipv6.ip_nonlocal_bind = 1")
			}
			needs := "haproxy.service"
			if c.Exposure == inventory.IPVS {
				needs, sysctl = "kplb-ipvs.service", []string{"net.ipv4.vs.conntrack = 1", "net.ipv4.vs.expire_nodest_conn = 1", "net.ipv4.ip_forward = 1"}
			}
			iface := or(n.Interface, DefaultInterface)
			for _, vip := range c.VIPs {
				gone = append(gone, "ExecStopPost=-/sbin/ip address del "+host(vip)+" dev "+iface)
			}
			for path, want := range map[string][]string{
				SysctlPath:  sysctl,
				ModulesPath: {"ip_vs", "ip_vs_rr"},
				PatchPath: {
					"- op: add", "path: /spec/containers/0/command/-", "value: --advertise-address=" + n.Address.String(),
					"- op: add", "path: /spec/containers/0/command/-", "value: --bind-address=" + n.Address.String(),
				},
				HAProxyUnitPath: {
					"[Service]", "RuntimeDirectory=kplb", "RuntimeDirectoryPreserve=yes",
					"ExecStartPost=/bin/sh -c 'echo 0 > /run/kplb/haproxy'", "ExecStopPost=/bin/sh -c 'echo -254 > /run/kplb/haproxy'",
				},
				KeepalivedUnitPath: append([]string{
					"[Unit]", "Wants=" + needs + " network-online.target", "After=" + needs + " network-online.target", "StartLimitIntervalSec=0",
					"[Service]", "RuntimeDirectory=kplb", "RuntimeDirectoryPreserve=yes", "NotifyAccess=all", "Restart=always", "RestartSec=1",
					"WatchdogSignal=SIGKILL", "KillMode=mixed",
					fmt.Sprintf("ExecStopPost=-/bin/sh -c 'case $SERVICE_RESULT in signal|core-dump|oom-kill) sleep %g ;; esac'", (4 * c.VRRP.AdvertInterval).Seconds()),
				}, gone...),
			} {
				if !slices.ContainsFunc(filesOf(c), func(f file) bool { return f.path == path }) {
					want = nil
				}
				var got []string
				for line := range strings.SplitSeq(string(tree[n.Name+path].Content), "\n") {
					if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
						got = append(got, line)
					}
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("%s%s:\n%s", n.Name, path, d)
				}
			}
		}
	})
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
