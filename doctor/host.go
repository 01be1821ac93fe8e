package doctor

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/verdict"
)

// read is a flag of a static pod, or why it is not known.
func (t *observation) read(d distribution.Distribution, pod, name string) (value, why string) {
	manifest, ok := t.Manifests[pod]
	if !ok {
		return "", "there is no manifest of " + pod
	}
	value, set, err := d.Flag(manifest, pod, name)
	switch {
	case err != nil:
		return "", fmt.Sprintf("the manifest of %s %s", pod, remote.Clean(shorten(err.Error())))
	case !set || value == "":
		return "", fmt.Sprintf("%s has no --%s", pod, name)
	}
	return remote.Clean(shorten(value)), ""
}

func (s *Survey) networks(n inventory.Node, vip netip.Addr) finding {
	mine := s.observations[n.Name]
	out := passed(n.Name, fmt.Sprintf("%s is outside of the cluster's networks", vip), "")
	out.stops = true
	var details []string
	for _, network := range []struct{ of, pod, flag string }{
		{"services", distribution.APIServer, "service-cluster-ip-range"}, {"pods", distribution.ControllerManager, "cluster-cidr"},
	} {
		value, why := mine.read(fleet.DistributionOf(s.cluster), network.pod, network.flag)
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
func (s *Survey) nodePorts(n inventory.Node) finding {
	const name, usual = "service-node-port-range", "30000-32767"
	out := passed(n.Name, "ports do not clash with the NodePort range", "")
	out.stops = true
	value, why := s.observations[n.Name].read(fleet.DistributionOf(s.cluster), distribution.APIServer, name)
	if why != "" {
		value = usual
	}
	first, last, ok := portRange(value)
	if !ok {
		out.Detail = fmt.Sprintf("left out: --%s=%s is no range", name, value)
		return out
	}
	out.Detail = value
	for _, p := range s.cluster.Ports() {
		if first <= int(p.Port) && int(p.Port) <= last {
			return out.no(p.Key, "set "+p.Key+" to a port outside of it: kube-proxy may be told to take any port of that range",
				"%s %d lies inside %s, the ports of NodePort services", p.Key, p.Port, value)
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
func guards(c *inventory.Cluster, n inventory.Node, mine *observation) finding {
	out := passed(n.Name, "SELinux and AppArmor are not in the way", "neither enforces anything on haproxy or keepalived")
	switch {
	case mine.SELinux == "Enforcing" && strings.HasSuffix(mine.ConnectAny, " off"):
		return out.no("", "on "+n.Name+": setsebool -P haproxy_connect_any 1",
			"SELinux is enforcing, and keeps haproxy from port %d: haproxy_connect_any is off", c.Port)
	case mine.SELinux == "Enforcing":
		out.Detail = "SELinux is enforcing, haproxy may connect"
		if mine.ConnectAny == "" {
			out.Detail = "SELinux is enforcing; left out: it does not say haproxy_connect_any"
		}
	case len(mine.Enforced) > 0:
		out.Detail = "AppArmor enforces profiles: " + strings.Join(mine.Enforced, ", ")
	}
	return out
}

// mostSkew is what clocks may differ: etcd warns of 1 s, and certificates and
// tokens that were just made are not valid yet a few seconds earlier.
const mostSkew = 2 * time.Second

// clocks compares the nodes' clocks with each other. What the way to them took
// is given to them.
func (s *Survey) clocks() verdict.Check {
	check := verdict.Check{What: fmt.Sprintf("the nodes' clocks agree within %s", mostSkew), OK: true}
	var first, last *observation
	var names [2]string
	known := 0
	for _, n := range s.cluster.Nodes {
		t := s.observations[n.Name]
		if t == nil || !t.HasClock {
			continue
		}
		known++
		if first == nil || t.Ahead < first.Ahead {
			first, names[0] = t, n.Name
		}
		if last == nil || t.Ahead > last.Ahead {
			last, names[1] = t, n.Name
		}
	}
	if known < 2 {
		check.Detail = "left out: no two clocks can be read"
		return check
	}
	apart := last.Ahead - first.Ahead
	check.Detail = fmt.Sprintf("%s apart, give or take %s", apart.Round(10*time.Millisecond), (first.Doubt + last.Doubt).Round(10*time.Millisecond))
	if apart-first.Doubt-last.Doubt > mostSkew {
		check.OK = false
		check.Detail = fmt.Sprintf("the clock of %s is %s ahead of that of %s", names[1], apart.Round(10*time.Millisecond), names[0])
		check.Hint = "have NTP set the clocks (`timedatectl set-ntp true`): etcd warns at 1s, and new certificates and tokens are not valid yet where it is earlier"
	}
	return check
}

// shorten keeps the start of a long text.
func shorten(s string) string {
	const enough = 100
	if len(s) <= enough {
		return s
	}
	return strings.ToValidUTF8(s[:enough], "") + "…"
}
