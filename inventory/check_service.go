package inventory

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/kplb/kplb/source"
)

// mostServices is how many are read: each has a health check on every node.
const mostServices = 100

// defaultTimeoutSeconds of ClientIP is Kubernetes': three hours.
const defaultTimeoutSeconds = 10800

// serviceReader reads services, which belong to a cluster whose nodes and VIPs
// are known.
type serviceReader struct {
	*source.Collector
	cluster *Cluster
}

func (r serviceReader) services(doc *document) []Service {
	if len(doc.Services) > mostServices {
		r.Add(doc.Services[mostServices].At.Pos, fmt.Sprintf("services has %d services", len(doc.Services)), fmt.Sprintf("write at most %d", mostServices))
		doc.Services = doc.Services[:mostServices]
	}
	if len(doc.Services) == 0 {
		return nil
	}
	out := make([]Service, 0, len(doc.Services))
	for i := range doc.Services {
		out = append(out, r.service(&doc.Services[i]))
	}
	r.checkDistinct(doc, out)
	return out
}

func (r serviceReader) service(d *serviceDocument) Service {
	r.Require(d.Name.Place, d.At, "name", "write a name for the service, like web")
	r.Require(d.Port.Place, d.At, "port", "write the port that clients of the VIP use")
	r.Require(d.NodePort.Place, d.At, "nodePort", "write the NodePort, as kubectl get service shows it")
	s := Service{
		Name:            source.Read(r.Collector, d.Name, label, ""),
		Port:            source.Read(r.Collector, d.Port, source.PortNumber, 0),
		NodePort:        uint16(source.Read(r.Collector, d.NodePort, source.Whole(firstNodePort, lastNodePort), 0)), //nolint:gosec // whole has checked the range
		SessionAffinity: Affinity(source.Read(r.Collector, d.SessionAffinity, source.OneOf([]string{string(NoAffinity), string(ClientIP)}, nil), string(NoAffinity))),
		ProxyProtocol:   source.Read(r.Collector, d.ProxyProtocol, source.TrueOrFalse, false),
		SourceRanges:    readAll(r.Collector, d.SourceRanges.Items, network),
		Check:           source.Read(r.Collector, d.Check, source.OneOf([]string{"tcp"}, nil), "tcp"),
	}
	s.TimeoutSeconds = r.affinityTimeout(d, s.SessionAffinity)
	s.Labels = r.selector(&d.Nodes)
	s.VIP = r.vip(d.VIP)
	r.sameFamily(d.SourceRanges, r.cluster.ServiceAddresses(s))
	return s
}

// vip wants one of the cluster's: keepalived knows no other.
func (r serviceReader) vip(s source.Scalar) netip.Addr {
	vip := source.Read(r.Collector, s, addressOnly, netip.Addr{})
	if vip.IsValid() && len(r.cluster.VIPs) > 0 && !slices.Contains(r.cluster.VIPs, vip) {
		r.Add(s.Pos, fmt.Sprintf("%s %s is not a VIP of this cluster", s.Path, vip), "write it under vip, too, or leave it out: the service is then on every VIP")
	}
	return vip
}

// sameFamily wants clients' networks of a family that the service has.
func (r serviceReader) sameFamily(ranges source.Words, addresses []netip.AddrPort) {
	for _, s := range ranges.Items {
		p, f := network(s)
		if f == nil && len(addresses) > 0 && !slices.ContainsFunc(addresses, func(at netip.AddrPort) bool { return at.Addr().Is4() == p.Addr().Is4() }) {
			r.Add(s.Pos, fmt.Sprintf("%s %s is of another family than the service's VIP", s.Path, p), "leave it out, or give the service a VIP of that family")
		}
	}
}

func (r serviceReader) affinityTimeout(d *serviceDocument, affinity Affinity) int {
	seconds := source.Read(r.Collector, d.TimeoutSeconds, source.Whole(1, 86400), defaultTimeoutSeconds)
	if affinity == ClientIP {
		return seconds
	}
	if said := d.SessionAffinity.Text; d.TimeoutSeconds.Given && (said == "" || said == string(NoAffinity)) {
		r.Add(d.TimeoutSeconds.Pos, d.TimeoutSeconds.Path+" says how long sessionAffinity: ClientIP lasts, and that is not asked for",
			"leave it out, or write sessionAffinity: ClientIP")
	}
	return 0
}

// selector reads which nodes a service leads to; nil is every one.
func (r serviceReader) selector(d *selectorDocument) map[string]string {
	source.Read(r.Collector, d.Word, source.OneOf([]string{"all"}, nil), "all")
	if d.At.OK && d.At.Empty {
		r.Add(d.At.Pos, d.At.Path+" selects nothing", "write nodes: all, or labels: {pool: edge}")
	}
	want := readLabels(r.Collector, d.Labels)
	if len(want) == 0 || len(want) < len(d.Labels.items) || len(r.cluster.Backends(Service{Labels: want})) > 0 {
		return want
	}
	hint := "write labels that a node or a worker has under its own labels"
	if near := nearestLabel(want, r.cluster); near != "" {
		hint = "did you mean " + near + "?"
	}
	r.Add(d.Labels.Pos, d.Labels.Path+" selects no node", hint)
	return want
}

// nearestLabel finds what a person meant with a label that no node has.
func nearestLabel(want map[string]string, cluster *Cluster) string {
	have := map[string]bool{}
	for _, n := range slices.Concat(cluster.Nodes, cluster.Workers) {
		for key, value := range n.Labels {
			have[key+": "+value] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if pair := key + ": " + want[key]; !have[pair] {
			return source.Nearest(pair, slices.Sorted(maps.Keys(have)))
		}
	}
	return ""
}

// checkDistinct reports names and ports that something else has.
func (r serviceReader) checkDistinct(doc *document, services []Service) {
	names, ports := map[string]int{}, map[netip.AddrPort]int{}
	twice := func(s source.Scalar, value any, i int) {
		r.Add(s.Pos, fmt.Sprintf("%s %v is already used by services[%d] on line %d", s.Path, value, i, doc.Services[i].At.Pos.Line),
			"give every service its own")
	}
	for i, s := range services {
		d := &doc.Services[i]
		if first, used := names[s.Name]; used {
			twice(d.Name, s.Name, first)
		} else if s.Name != "" {
			names[s.Name] = i
		}
		if s.Port == 0 {
			continue
		}
		if first, used := taken(ports, r.cluster.ServiceAddresses(s), i); used {
			twice(d.Port, s.Port, first)
			continue
		}
		checkFreePort(r.Collector, d.Port, s.Port, claims(r.cluster, true))
	}
}

// taken notes who has addresses, and says who had one of them before.
func taken(by map[netip.AddrPort]int, addresses []netip.AddrPort, i int) (first int, used bool) {
	for _, at := range addresses {
		if first, used = by[at]; used {
			return first, true
		}
	}
	for _, at := range addresses {
		by[at] = i
	}
	return 0, false
}

// network parses a network that clients come from.
func network(s source.Scalar) (netip.Prefix, *source.Fault) {
	const example = "write a network like 10.0.0.0/8 or fd10::/16"
	p, err := netip.ParsePrefix(s.Text)
	addr, alone := netip.ParseAddr(s.Text)
	switch {
	case alone == nil:
		return p, source.Refuse("has no prefix length", fmt.Sprintf("write %s/%d for this one address", s.Text, addr.BitLen()))
	case err != nil || p.Addr().Is4In6():
		return p, source.Refuse("is not a network", example)
	case p != p.Masked():
		return p, source.Refuse("has bits set beyond its prefix", "write "+p.Masked().String())
	}
	return p, nil
}
