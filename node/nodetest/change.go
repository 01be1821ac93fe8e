package nodetest

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

func (v values) stage(data map[string][]byte) node.StageRequest {
	q := node.StageRequest{
		Txn: v["KPLB_TXN"], Token: v["KPLB_TOKEN"], About: v["KPLB_ABOUT"], Paths: v.words("KPLB_PATHS"),
		Window: v.seconds("KPLB_WINDOW"), QuickPort: v.port("KPLB_QUICK"),
		Number: v.number("KPLB_NUMBER"), Record: data["record"],
	}
	for line := range strings.Lines(v["KPLB_VIP"]) {
		field := strings.Fields(line) // VIP/LENGTH dev INTERFACE
		q.VIPs, q.Interface = append(q.VIPs, netip.MustParsePrefix(field[0]).Addr()), strings.Join(field[2:], " ")
	}
	for line := range strings.Lines(v["KPLB_FILES"]) {
		field := strings.Fields(line) // name, mode, owner, before, after, path
		if len(field) != 6 {
			panic("nodetest: not a line of files: " + line)
		}
		owner := ownerOf(field[2])
		switch field[0] {
		case "key":
			q.Certificate.KeyPath = field[5]
		case "certificate":
			q.Certificate = &node.StagedCertificate{Path: field[5], Config: data["issuer"], Before: sum(field[3]), Mode: mode(field[1]), Owner: owner}
			if kept, ok := strings.CutPrefix(field[4], "kept:"); ok {
				q.Certificate.Generation = values{"": kept}.number("")
			}
		default:
			q.Files = append(q.Files, node.StagedFile{
				Path: field[5], Mode: mode(field[1]), Owner: owner, Before: sum(field[3]), Content: data[field[0]], Remove: field[4] == "absent",
			})
		}
	}
	return q
}

func ownerOf(text string) node.Owner {
	uid, gid, _ := strings.Cut(text, ":")
	return node.Owner{UID: values{"": uid}.number(""), GID: values{"": gid}.number("")}
}

func (v values) activate(active []byte) node.ActivateRequest {
	q := node.ActivateRequest{
		Txn: v["KPLB_TXN"], Token: v["KPLB_TOKEN"], ReadUnits: v.flag("KPLB_UNITS"), Sysctl: node.Sysctl(v["KPLB_SYSCTL"]),
		Enable: v.words("KPLB_ENABLE"), Disable: v.words("KPLB_DISABLE"),
		HAProxy: node.Action(v["KPLB_HAPROXY"]), Keepalived: node.Action(v["KPLB_KEEPALIVED"]), Kubelet: node.Action(v["KPLB_KUBELET"]),
		Redirect: node.Action(v["KPLB_REDIRECT"]), IPVS: node.Action(v["KPLB_DIRECTOR"]),
		RestoreSettings: v.words("KPLB_GIVE"), RestoreFrom: v.number("KPLB_GIVE_OF"), NoBind6: v.flag("KPLB_NO_BIND6"),
		UFWAllow: rules(v["KPLB_OPEN"]), UFWDelete: rules(v["KPLB_CLOSE"]), Active: active,
	}
	for _, at := range v.words("KPLB_SERVES") {
		q.HAProxyListens = append(q.HAProxyListens, netip.MustParseAddrPort(at))
	}
	return q
}

func rules(lines string) []render.Rule {
	var out []render.Rule
	for line := range strings.Lines(lines) {
		field := strings.Fields(line) // verb, direction, protocol, from, to, port
		out = append(out, render.Rule{Out: field[1] == "out", Protocol: field[2], From: address(field[3]), To: address(field[4]), Port: values{"": field[5]}.port("")})
	}
	return out
}

func (v values) confirm() node.ConfirmRequest {
	q := node.ConfirmRequest{Txn: v["KPLB_TXN"], Token: v["KPLB_TOKEN"], Paths: v.words("KPLB_PATHS"), Keep: v.number("KPLB_KEEP")}
	if kind, took, ok := strings.Cut(v["KPLB_RESTARTED"], " "); ok {
		seconds, err := strconv.ParseFloat(took, 64)
		if err != nil {
			panic("nodetest: " + err.Error())
		}
		q.Restart = &node.MeasuredRestart{Kind: inventory.Restart(kind), Took: time.Duration(seconds * float64(time.Second))}
	}
	return q
}
