package rollout

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/remote"
)

// survey is what the nodes saw at the same time.
type survey struct {
	cluster *inventory.Cluster
	members []inventory.Node // all that are no strangers
	pairs   bool
	facts   map[string]*Facts
	sights  map[string]*sight // of the nodes that looked
}

// finding is a check, and whether a no keeps an apply from its first change.
type finding struct {
	Check
	stops bool
	where string // a key of the inventory
}

// no turns a finding into one that did not pass.
func (f finding) no(where, cure, detail string, args ...any) finding {
	f.OK, f.where, f.Cure, f.Detail = false, where, cure, fmt.Sprintf(detail, args...)
	return f
}

func passed(node, what, detail string) finding {
	return finding{Check: Check{Node: node, What: what, OK: true, Detail: detail}}
}

func (f finding) refusal(c *inventory.Cluster) Refusal {
	r := Refusal{Node: f.Node, What: f.Detail, Cure: f.Cure}
	if f.where != "" {
		r.Where = c.Position(f.where).String()
	}
	return r
}

// of is everything that was seen from one node.
func (s *survey) of(n inventory.Node) []finding {
	if s.sights[n.Name] == nil {
		return nil
	}
	out := []finding{s.stranger(n), s.speakers(n)}
	out = append(out, s.arriving(n)...)
	return append(out, s.networks(n), s.nodePorts(n), s.guards(n))
}

// checkRefusals is what an apply would refuse, and a change that waits.
func checkRefusals(c *inventory.Cluster, n inventory.Node, f *Facts) []Check {
	const what = "nothing on it is in the way"
	refused := refusals(c, n, f)
	if waiting, ok := waitingRefusals([]inventory.Node{n}, map[string]*Facts{n.Name: f}).(*RefusedError); ok { //nolint:errorlint // it is made there
		refused = append(refused, waiting.Refusals...)
	}
	if len(refused) == 0 {
		return []Check{{Node: n.Name, What: what, OK: true, Detail: versions(f)}}
	}
	out := make([]Check, len(refused))
	for i, r := range refused {
		out[i] = Check{Node: n.Name, What: what, Detail: r.What, Cure: r.Cure}
		if r.Where != "" {
			out[i].Detail += " (" + r.Where + ")"
		}
	}
	return out
}

func versions(f *Facts) string {
	out := []string{f.OS.String()}
	if f.HAProxy.Installed {
		out = append(out, "haproxy "+f.HAProxy.Version.String())
	}
	if f.Keepalived.Installed {
		out = append(out, "keepalived "+f.Keepalived.Version.String())
	}
	return strings.Join(out, ", ")
}

// ours finds the node that has a MAC: by its own word, or as a neighbour of
// others, for nodes that cannot be asked.
func (s *survey) ours(mac string) string {
	for _, m := range s.members {
		if there := s.sights[m.Name]; there != nil && slices.Contains(slices.Collect(maps.Values(there.macs)), mac) {
			return m.Name
		}
	}
	for _, m := range slices.Concat(s.members, s.cluster.Nodes) {
		for _, there := range s.sights {
			if slices.ContainsFunc(there.neighbours, func(n neighbour) bool { return n.address == m.Address && n.mac == mac }) {
				return m.Name
			}
		}
	}
	return ""
}

func (s *survey) stranger(n inventory.Node) finding {
	vip, mine := s.cluster.VIP, s.sights[n.Name]
	out := passed(n.Name, fmt.Sprintf("nobody else answers ARP for %s", vip), "nobody answers")
	out.stops = true
	holds := slices.ContainsFunc(mine.addresses, func(a Address) bool { return a.Prefix.Addr() == vip })
	if holds {
		out.Detail = "the node holds it"
	}
	macs := mine.answers
	if !mine.asks {
		if !mine.asked && !holds {
			out.Detail = "left out: " + mine.whyDeaf()
		}
		for _, nb := range mine.neighbours {
			switch {
			case nb.address != vip || holds:
			case nb.fresh:
				macs = append(macs, nb.mac)
			case s.ours(nb.mac) == "":
				out.Detail = fmt.Sprintf("left out: %s had it some time ago, and the node cannot ask again: %s", nb.mac, mine.whyDeaf())
			}
		}
	}
	for _, mac := range macs {
		name := s.ours(mac)
		if name == "" {
			return out.no("vip", "take the address away from that host, or choose a free one as vip", "%s is answered by %s, which is no node of the inventory", vip, mac)
		}
		if name != n.Name {
			out.Detail = "answered by " + name
		}
	}
	return out
}

// familiar says whether an address is one of a node's.
func (s *survey) familiar(a netip.Addr) bool {
	if slices.ContainsFunc(slices.Concat(s.members, s.cluster.Nodes), func(n inventory.Node) bool { return n.Address == a }) {
		return true
	}
	for _, there := range s.sights {
		if slices.ContainsFunc(there.addresses, func(have Address) bool { return have.Prefix.Addr() == a }) {
			return true
		}
	}
	return false
}

func (s *survey) speakers(n inventory.Node) finding {
	mine, id := s.sights[n.Name], s.cluster.VRRP.VirtualRouterID
	out := passed(n.Name, fmt.Sprintf("no stranger has virtual router ID %d", id), "no stranger speaks VRRP")
	out.stops = true
	if !mine.listens || mine.deaf != "" {
		out.Detail = "left out: " + mine.whyDeaf()
		return out
	}
	var others []string
	for _, sp := range mine.speakers {
		switch {
		case s.familiar(sp.address):
		case sp.vrid == id:
			return out.no("vrrp.virtualRouterID", "set vrrp.virtualRouterID to a number that nobody on this network uses", "a stranger speaks VRRP: %s", sp)
		default:
			others = append(others, sp.String())
		}
	}
	if others != nil {
		out.Detail = "others: " + strings.Join(others, ", ")
	}
	return out
}

// arriving wants the probes of all other nodes.
func (s *survey) arriving(n inventory.Node) []finding {
	mine := s.sights[n.Name]
	ok := passed(n.Name, "VRRP (IP protocol 112) of the others arrives", "")
	ok.stops = true
	var out []finding
	var from, leftOut []string
	for _, p := range s.cluster.Nodes {
		peer := s.sights[p.Name]
		switch {
		case !s.pairs || peer == nil || p.Name == n.Name:
		case slices.Contains(peer.kept, n.Address) && s.opens(p):
			leftOut = append(leftOut, fmt.Sprintf("from %s: ufw is active there, and an apply opens it", p.Name))
		case slices.Contains(peer.kept, n.Address):
			out = append(out, ok.no("", s.cureOut(p, n), "VRRP (IP protocol 112) to %s does not leave %s: its own firewall stops it", n.Name, p.Name))
		case mine.heard[peer.nonce]:
			from = append(from, p.Name)
		case !mine.listens || mine.deaf != "":
			leftOut = append(leftOut, fmt.Sprintf("from %s: %s", p.Name, mine.whyDeaf()))
		case !peer.listens || peer.deaf != "" || peer.sent.IsZero():
			leftOut = append(leftOut, fmt.Sprintf("from %s: it cannot send a probe (%s)", p.Name, peer.whyMute(p)))
		case mine.ended.Before(peer.sent):
			leftOut = append(leftOut, fmt.Sprintf("from %s: it was too late", p.Name))
		case s.opens(n) || s.opens(p):
			leftOut = append(leftOut, fmt.Sprintf("from %s: ufw is active, and an apply opens it", p.Name))
		default:
			out = append(out, ok.no("", s.cureFor(p, n), "VRRP (IP protocol 112) from %s does not arrive at %s", p.Name, n.Name))
		}
	}
	switch {
	case leftOut != nil:
		ok.Detail = "left out " + strings.Join(leftOut, ", ")
	case from != nil:
		ok.Detail = "from " + strings.Join(from, ", ")
	default:
		return out
	}
	return append(out, ok)
}

// opens says whether an apply has something to open in a node's ufw.
func (s *survey) opens(n inventory.Node) bool {
	f := s.facts[n.Name]
	if f == nil {
		return false
	}
	p := NodePlan{Node: n}
	p.planFirewall(s.cluster, f)
	return len(p.open) > 0
}

// cureFor is the command that lets VRRP from one node into another.
func (s *survey) cureFor(from, to inventory.Node) string {
	if f := s.facts[to.Name]; f != nil && ufwEnabled(f) {
		return fmt.Sprintf("on %s: ufw allow in proto vrrp from %s", to.Name, from.Address)
	}
	in := fmt.Sprintf("nft insert rule inet filter input ip saddr %s ip protocol vrrp accept", from.Address)
	if f := s.facts[to.Name]; f != nil && f.Filter == firewalld {
		in = fmt.Sprintf(`firewall-cmd --permanent --add-rich-rule='rule family="ipv4" source address="%s" protocol value="vrrp" accept' && firewall-cmd --reload`, from.Address)
	} else if f != nil && isFilter(f.Filter) {
		in = fmt.Sprintf("nft insert rule %s ip saddr %s ip protocol vrrp accept", f.Filter, from.Address)
	}
	return fmt.Sprintf("let it in, on %s: %s; or look for a firewall on the way", to.Name, in)
}

// cureOut is the command that lets VRRP to one node out of another.
func (s *survey) cureOut(from, to inventory.Node) string {
	if f := s.facts[from.Name]; f != nil && ufwEnabled(f) {
		return fmt.Sprintf("on %s: ufw allow out proto vrrp to %s", from.Name, to.Address)
	}
	return fmt.Sprintf("let it out, on %s: nft insert rule inet filter output ip daddr %s ip protocol vrrp accept", from.Name, to.Address)
}

// The static pods whose flags say what Kubernetes gives away.
const apiserverName, managerName = "kube-apiserver", "kube-controller-manager"

// read is a flag of a static pod, or why it is not known.
func (t *sight) read(pod, name string) (value, why string) {
	manifest, ok := t.manifests[pod]
	if !ok {
		return "", "there is no manifest of " + pod
	}
	value, set, err := kubeadm.Flag(manifest, pod, name)
	switch {
	case err != nil:
		return "", fmt.Sprintf("the manifest of %s %s", pod, remote.Clean(shorten(err.Error())))
	case !set || value == "":
		return "", fmt.Sprintf("%s has no --%s", pod, name)
	}
	return remote.Clean(shorten(value)), ""
}

func (s *survey) networks(n inventory.Node) finding {
	vip, mine := s.cluster.VIP, s.sights[n.Name]
	out := passed(n.Name, fmt.Sprintf("%s is outside of the cluster's networks", vip), "")
	out.stops = true
	var details []string
	for _, network := range []struct{ of, pod, flag string }{
		{"services", apiserverName, "service-cluster-ip-range"}, {"pods", managerName, "cluster-cidr"},
	} {
		value, why := mine.read(network.pod, network.flag)
		if why != "" {
			details = append(details, fmt.Sprintf("%s left out: %s", network.of, why))
			continue
		}
		for word := range strings.SplitSeq(value, ",") {
			if p, err := netip.ParsePrefix(strings.TrimSpace(word)); err == nil && p.Contains(vip) {
				return out.no("vip", "choose a VIP outside of it: addresses in there are given away by Kubernetes",
					"%s lies inside %s, the network of the %s (--%s of %s)", vip, p, network.of, network.flag, network.pod)
			}
		}
		details = append(details, network.of+" "+value)
	}
	out.Detail = strings.Join(details, ", ")
	return out
}

// nodePorts wants kube-proxy to have no claim on our ports.
func (s *survey) nodePorts(n inventory.Node) finding {
	const name, usual = "service-node-port-range", "30000-32767"
	out := passed(n.Name, "its ports are outside of the NodePorts", "")
	out.stops = true
	value, why := s.sights[n.Name].read(apiserverName, name)
	if why != "" {
		value = usual
	}
	first, last, ok := portRange(value)
	if !ok {
		out.Detail = fmt.Sprintf("left out: --%s=%s is no range", name, value)
		return out
	}
	out.Detail = value
	for _, p := range append([]ownPort{{"port", s.cluster.Port}, {"haproxy.monitorPort", s.cluster.HAProxy.MonitorPort}}, ownServicePorts(s.cluster)...) {
		if first <= int(p.port) && int(p.port) <= last {
			return out.no(p.key, "set "+p.key+" to a port outside of it: kube-proxy may be told to take any port of that range",
				"%s %d lies inside %s, the ports of NodePort services", p.key, p.port, value)
		}
	}
	return out
}

// portRange reads what Kubernetes takes: FIRST-LAST, FIRST+MORE or one port.
func portRange(text string) (first, last int, ok bool) {
	a, b, dash := strings.Cut(text, "-")
	plus := false
	if !dash {
		a, b, plus = strings.Cut(text, "+")
	}
	first, err := strconv.Atoi(strings.TrimSpace(a))
	last = first
	if err == nil && (dash || plus) {
		last, err = strconv.Atoi(strings.TrimSpace(b))
	}
	if plus {
		last += first
	}
	return first, last, err == nil && first >= 0 && last <= 65535 && first <= last
}

// guards are SELinux and AppArmor.
func (s *survey) guards(n inventory.Node) finding {
	mine := s.sights[n.Name]
	out := passed(n.Name, "SELinux and AppArmor are not in the way", "neither enforces anything on haproxy or keepalived")
	switch {
	case mine.selinux == "Enforcing" && strings.HasSuffix(mine.connectAny, " off"):
		return out.no("", "on "+n.Name+": setsebool -P haproxy_connect_any 1",
			"SELinux is enforcing, and keeps haproxy from port %d: haproxy_connect_any is off", s.cluster.Port)
	case mine.selinux == "Enforcing":
		out.Detail = "SELinux is enforcing, haproxy may connect"
		if mine.connectAny == "" {
			out.Detail = "SELinux is enforcing; left out: it does not say haproxy_connect_any"
		}
	case len(mine.enforced) > 0:
		out.Detail = "AppArmor enforces profiles: " + strings.Join(mine.enforced, ", ")
	}
	return out
}

// mostSkew is what clocks may differ: etcd warns of 1 s, and certificates and
// tokens that were just made are not valid yet a few seconds earlier.
const mostSkew = 2 * time.Second

// clocks compares the nodes' clocks with each other. What the way to them took
// is given to them.
func (s *survey) clocks() Check {
	check := Check{What: fmt.Sprintf("the nodes' clocks agree within %s", mostSkew), OK: true}
	var first, last *sight
	var names [2]string
	known := 0
	for _, n := range s.cluster.Nodes {
		t := s.sights[n.Name]
		if t == nil || !t.hasClock {
			continue
		}
		known++
		if first == nil || t.ahead < first.ahead {
			first, names[0] = t, n.Name
		}
		if last == nil || t.ahead > last.ahead {
			last, names[1] = t, n.Name
		}
	}
	if known < 2 {
		check.Detail = "left out: no two clocks can be read"
		return check
	}
	apart := last.ahead - first.ahead
	check.Detail = fmt.Sprintf("%s apart, give or take %s", apart.Round(10*time.Millisecond), (first.doubt + last.doubt).Round(10*time.Millisecond))
	if apart-first.doubt-last.doubt > mostSkew {
		check.OK = false
		check.Detail = fmt.Sprintf("the clock of %s is %s ahead of that of %s", names[1], apart.Round(10*time.Millisecond), names[0])
		check.Cure = "have NTP set the clocks (`timedatectl set-ntp true`): etcd warns at 1s, and new certificates and tokens are not valid yet where it is earlier"
	}
	return check
}
