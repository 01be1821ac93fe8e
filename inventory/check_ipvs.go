package inventory

import (
	"fmt"

	"github.com/kplb/kplb/source"
)

// readIPVS reads how the kernel's virtual server is looked after, and refuses
// what exposure: ipvs and the others do not share. Why: docs/decisions/0015.
func readIPVS(c *source.Collector, doc *document, vips []vipItem, exposure Exposure) IPVSConfig {
	d := &doc.IPVS
	out := IPVSConfig{Check: ServerCheck(source.Read(c, d.Check, source.OneOf([]string{string(CheckSSL), string(CheckTCP)}, nil), string(CheckSSL)))}
	source.Read(c, d.Method, forwarding, forwardingNAT)
	if exposure != IPVS {
		if d.At.Given {
			c.Add(d.At.Pos, fmt.Sprintf("ipvs is of no use with exposure: %s, where HAProxy balances", exposure), "leave ipvs out, or write exposure: ipvs")
		}
		return IPVSConfig{}
	}
	if doc.HAProxy.At.Given {
		c.Add(doc.HAProxy.At.Pos, "haproxy is of no use with exposure: ipvs, where the kernel balances", "leave haproxy out")
	}
	if len(doc.Services) > 0 {
		c.Add(doc.Services[0].At.Pos, "services need HAProxy, and there is none with exposure: ipvs", "leave services out, or write another exposure")
	}
	if doc.Metrics.At.Given {
		c.Add(doc.Metrics.At.Pos, "metrics are those of HAProxy, and there is none with exposure: ipvs", "leave metrics out, or write another exposure")
	}
	for _, v := range vips {
		if v.address.Is6() {
			c.Add(v.at.Pos, fmt.Sprintf("%s %s is IPv6, and exposure: ipvs would have the nodes forward IPv6, with which the kernel ignores router advertisements", v.at.Path, v.address),
				"leave it out, or write another exposure")
		}
	}
	return out
}

// forwardingNAT is the only way in which the kernel forwards.
const forwardingNAT = "NAT"

// forwarding knows keepalived's other ways, to say why they are none here.
func forwarding(s source.Scalar) (string, *source.Fault) {
	const hint = "write NAT, or leave method out"
	switch s.Text {
	case "DR":
		return "", source.Refuse("is refused: it needs the VIP on every node, so that clients on a node reach that node's own apiserver alone, and nobody when it is down", hint)
	case "TUN":
		return "", source.Refuse("is refused: it needs the VIP on every node, as DR does", hint)
	}
	return source.OneOf([]string{forwardingNAT}, nil)(s)
}
