package report

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/kplb/kplb/status"
)

// Status is a status for people: the VIPs, a line for each node, the
// servers, and what is wrong in words.
func Status(s *status.Status) string {
	var b strings.Builder
	fmt.Fprintf(&b, "cluster %s\n", s.Cluster)
	for _, vip := range s.VIPs {
		held := "on " + strings.Join(vip.Holders, " and ")
		switch len(vip.Holders) {
		case 0:
			held = "on NO NODE"
		case 1:
		default:
			held += ": MORE THAN ONE NODE"
		}
		fmt.Fprintf(&b, "VIP %s %s\n", vip.Address, held)
	}
	b.WriteString("\n")
	writeNodes(&b, s)
	if s.SeenBy != "" {
		by, count := "haproxy", "SESSIONS"
		if s.Kernel {
			by, count = "keepalived", "CONNECTIONS"
		}
		fmt.Fprintf(&b, "\nservers as %s on %s sees them\n", by, s.SeenBy)
		w := columns(&b)
		fmt.Fprintf(w, "SERVER\tSTATE\tCHECK\t%s\n", count)
		for _, server := range s.Servers {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\n", server.Name, orDash(server.State), orDash(server.Check), server.Sessions)
		}
		_ = w.Flush() // to memory
	}
	writeTroubles(&b, s.Nodes)
	return b.String()
}

func columns(b *strings.Builder) *tabwriter.Writer { return tabwriter.NewWriter(b, 0, 0, 2, ' ', 0) }

func writeNodes(b *strings.Builder, s *status.Status) {
	w, balancer := columns(b), "HAPROXY"
	if s.Kernel {
		balancer = "IPVS"
	}
	fmt.Fprintf(w, "NODE\tVRRP\tVIP\t%s\tAPISERVER\tCERTIFICATE\tGENERATION\tDRIFT\tPENDING\n", balancer)
	for _, n := range s.Nodes {
		if n.Unreachable != "" {
			fmt.Fprintf(w, "%s\tno answer\t-\t-\t%s\t-\t-\t-\t-\n", n.Node, n.Apiserver)
			continue
		}
		vip := "-"
		switch {
		case len(n.VIPs) > 0:
			vip = strings.Join(n.VIPs, " ")
		case n.Holder:
			vip = "holds it"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", n.Node, vrrpText(n), vip, balancerText(n), n.Apiserver,
			certificateText(n), orDash(n.Generation), len(n.Drift), orDash(n.Pending))
	}
	_ = w.Flush() // to memory
}

// vrrpText is the state, with several instances one for each.
func vrrpText(n status.NodeStatus) string {
	if n.Worker {
		return "worker"
	}
	if len(n.VRRP) == 0 {
		return "keepalived " + orUnknown(n.Keepalived)
	}
	out := make([]string, len(n.VRRP))
	for i, v := range n.VRRP {
		out[i] = v.State
		if v.Derived {
			out[i] += "?"
		}
	}
	return strings.Join(out, " ")
}

// balancerText is of what sends connections on: HAProxy, or the kernel.
func balancerText(n status.NodeStatus) string {
	switch {
	case n.IPVS != "" && n.IPVS != "active":
		return n.IPVS
	case n.IPVS != "" && n.Servers > 0:
		return fmt.Sprintf("%d of %d up", n.ServersUp, n.Servers)
	case n.IPVS != "":
		return "no virtual server"
	case n.Worker && !n.Balancer:
		return "-"
	case n.HAProxy != "active":
		return orUnknown(n.HAProxy)
	case n.Servers == 0:
		return "shows no server"
	}
	return fmt.Sprintf("%d of %d up", n.ServersUp, n.Servers)
}

func certificateText(n status.NodeStatus) string {
	switch {
	case n.Certificate == nil:
		return "-"
	case *n.Certificate < 0:
		return "EXPIRED"
	case *n.Certificate == 1:
		return "1 day"
	}
	return fmt.Sprintf("%d days", *n.Certificate)
}

// writeTroubles says in words what the lines only count.
func writeTroubles(b *strings.Builder, nodes []status.NodeStatus) {
	var lines []string
	for _, n := range nodes {
		if n.Unreachable != "" {
			lines = append(lines, strings.Split(n.Unreachable, "\n")...)
		}
		for _, file := range n.Drift {
			lines = append(lines, n.Node+": "+file.String())
		}
		for _, what := range n.Refused {
			lines = append(lines, n.Node+": "+what)
		}
		if n.Restored != "" {
			lines = append(lines, n.Node+": "+firstOf(n.Restored))
		}
		if n.Certificate != nil && *n.Certificate < certificateSoon {
			expires := "expires soon"
			if *n.Certificate < 0 {
				expires = "has expired"
			}
			lines = append(lines, fmt.Sprintf("%s: the apiserver's certificate %s: `kubeadm certs renew apiserver` there", n.Node, expires))
		}
	}
	if len(lines) > 0 {
		fmt.Fprintf(b, "\n%s\n", strings.Join(lines, "\n"))
	}
}

// firstOf is the first of the reasons in a text, and how many more there are.
func firstOf(reasons string) string {
	all := strings.Split(reasons, "; ")
	if len(all) == 1 {
		return reasons
	}
	return fmt.Sprintf("%s; and %d more", all[0], len(all)-1)
}

// certificateSoon is when a person should know, in days: kubeadm renews when
// it upgrades, and by then it may be too late.
const certificateSoon = 30

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func orUnknown(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}
