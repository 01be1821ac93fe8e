// Package nodetest is for tests that stand in for nodes: it reads out of a
// program's data which request it was made of, so that no other package knows in
// which form programs get them.
package nodetest

import (
	"fmt"
	"io/fs"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// These are the requests of calls that have no type for them in package node.
type (
	// RenewRequest is of node.Renew.
	RenewRequest struct{ Txn string }
	// ReleaseRequest is of node.Release.
	ReleaseRequest struct{ Token string }
	// DrainRequest is of node.Drain.
	DrainRequest struct{ Server string }
	// UndrainRequest is of node.Undrain.
	UndrainRequest struct{ Server string }
	// GenerationsRequest is of node.Generations.
	GenerationsRequest struct{}
	// SnapshotRequest is of node.ReadSnapshot.
	SnapshotRequest struct{ Generation int }
)

// Request is what a program of package node was asked for: one of node's requests
// or of those above, and nil where there is nothing to ask. It panics where the
// program is none of node's.
func Request(s remote.Script) any {
	v := values(s.Vars)
	switch s.Name {
	case "inspect":
		return v.inspect()
	case "lock":
		return node.LockRequest{Token: s.Vars["KPLB_TOKEN"], Owner: s.Vars["KPLB_OWNER"], Heartbeat: s.Heartbeat, Timeout: v.seconds("KPLB_SECONDS")}
	case "release":
		return ReleaseRequest{s.Vars["KPLB_TOKEN"]}
	case "packages":
		return node.PackagesRequest{Names: v.words("KPLB_PACKAGES"), FetchOnly: v.flag("KPLB_CHECK")}
	case "stage":
		return v.stage(s.Files)
	case "transact":
		return node.TransactRequest{Txn: s.Vars["KPLB_TXN"], Token: s.Vars["KPLB_TOKEN"]}
	case "renew":
		return RenewRequest{s.Vars["KPLB_TXN"]}
	case "manifest":
		return node.ManifestRequest{
			Txn: s.Vars["KPLB_TXN"], Before: v.sum("KPLB_BEFORE"), Mode: mode(s.Vars["KPLB_MODE"]), Content: s.Files["manifest"], Port: v.port("KPLB_PORT"),
		}
	case "await":
		return node.AwaitRequest{Listen: listen(s.Vars["KPLB_LISTEN"]), After: node.Replaced{Socket: v.unsigned("KPLB_SOCKET", 40), At: time.Duration(v.number("KPLB_SINCE")) * time.Second / 100}, Wait: v.seconds("KPLB_SECONDS")}
	case "activate":
		return v.activate(s.Files["active"])
	case "precommit":
		return node.PrecommitRequest{Txn: s.Vars["KPLB_TXN"], Paths: v.words("KPLB_PATHS")}
	case "confirm":
		return v.confirm()
	case "revert":
		return node.RevertRequest{Txn: s.Vars["KPLB_TXN"], Paths: v.words("KPLB_PATHS"), Reason: s.Vars["KPLB_REASON"]}
	case "generations":
		if s.Vars["KPLB_GENERATION"] == "" {
			return GenerationsRequest{}
		}
		return SnapshotRequest{v.number("KPLB_GENERATION")}
	case "drain":
		if s.Vars["KPLB_STATE"] == "ready" {
			return UndrainRequest{s.Vars["KPLB_SERVER"]}
		}
		return DrainRequest{s.Vars["KPLB_SERVER"]}
	case "doctor":
		return v.doctor()
	case "drill watch":
		return node.WatchRequest{VIP: address(s.Vars["KPLB_VIP"]), Lasts: v.seconds("KPLB_SECONDS")}
	case "drill break":
		return node.BreakRequest{
			Fault: s.Vars["KPLB_FAULT"], Lasts: v.seconds("KPLB_LASTS"), MendAfter: v.seconds("KPLB_SECONDS"),
			Interface: s.Vars["KPLB_INTERFACE"], VIPs: addresses(v.words("KPLB_VIPS")), APIServer: netip.MustParseAddrPort(s.Vars["KPLB_AT"]),
		}
	case "hello", "credentials", "unlock", "forget", "drill mend", "drill seen", "drill end":
		return nil
	}
	panic("nodetest: there is no program " + s.Name)
}

// As is Request for a program whose request is known to be an R.
func As[R any](s remote.Script) R { return Request(s).(R) }

// values are a program's variables.
type values map[string]string

func (v values) words(name string) []string {
	if words := strings.Fields(v[name]); len(words) > 0 {
		return words
	}
	return nil
}

func (v values) flag(name string) bool { return v[name] == "1" }

func (v values) number(name string) int {
	if v[name] == "" {
		return 0
	}
	n, err := strconv.Atoi(v[name])
	if err != nil {
		panic(fmt.Sprintf("nodetest: %s: %v", name, err))
	}
	return n
}

// unsigned is a number of so many bits.
func (v values) unsigned(name string, bits int) uint64 {
	if v[name] == "" {
		return 0
	}
	n, err := strconv.ParseUint(v[name], 10, bits)
	if err != nil {
		panic(fmt.Sprintf("nodetest: %s: %v", name, err))
	}
	return n
}

func (v values) port(name string) uint16 { return uint16(v.unsigned(name, 16)) } //nolint:gosec // it has 16 bits

func (v values) seconds(name string) time.Duration {
	return time.Duration(v.number(name)) * time.Second
}

func (v values) sum(name string) node.Sum { return sum(v[name]) }

func sum(text string) node.Sum {
	if text == "absent" {
		return ""
	}
	return node.Sum(text)
}

func mode(octal string) fs.FileMode {
	m, err := strconv.ParseUint(octal, 8, 32)
	if err != nil {
		panic("nodetest: " + err.Error())
	}
	return fs.FileMode(m)
}

func listen(text string) netip.AddrPort {
	return netip.MustParseAddrPort(strings.Replace(text, "*:", "[::]:", 1))
}

func address(text string) netip.Addr {
	if text == "" || text == "any" {
		return netip.Addr{}
	}
	return netip.MustParseAddr(text)
}

func addresses(words []string) []netip.Addr {
	if len(words) == 0 {
		return nil
	}
	out := make([]netip.Addr, len(words))
	for i, word := range words {
		out[i] = address(word)
	}
	return out
}

func (v values) inspect() node.InspectRequest {
	q := node.InspectRequest{
		MonitorPort: v.port("KPLB_MONITOR_PORT"), Kubeconfigs: v.flag("KPLB_HOMES"), Firewall: v.flag("KPLB_FILTER"),
		Kernel: v.flag("KPLB_KERNEL"), VRRP: v.flag("KPLB_VRRP"), Sysctls: v.flag("KPLB_SYSCTLS"),
	}
	for _, path := range v.words("KPLB_PATHS") {
		q.Paths = append(q.Paths, "/"+path)
	}
	for _, port := range v.words("KPLB_PORTS") {
		q.Ports = append(q.Ports, values{"": port}.port(""))
	}
	for _, at := range strings.Split(v["KPLB_CONNECTED"], " or dst ") {
		if at != "" {
			q.Kubelet = append(q.Kubelet, netip.MustParseAddrPort(at))
		}
	}
	return q
}

func (v values) stage(data map[string][]byte) node.StageRequest {
	q := node.StageRequest{
		Txn: v["KPLB_TXN"], Token: v["KPLB_TOKEN"], About: v["KPLB_ABOUT"], Paths: v.words("KPLB_PATHS"),
		Window: v.seconds("KPLB_WINDOW"), QuickPort: v.port("KPLB_QUICK"),
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
			q.Certificate = &node.StagedCertificate{Path: field[5], Config: data["kubeadm"], Before: sum(field[3]), Mode: mode(field[1]), Owner: owner}
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
		Txn: v["KPLB_TXN"], ReadUnits: v.flag("KPLB_UNITS"), Sysctl: node.Sysctl(v["KPLB_SYSCTL"]),
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
	q := node.ConfirmRequest{Txn: v["KPLB_TXN"], Paths: v.words("KPLB_PATHS"), Keep: v.number("KPLB_KEEP")}
	if kind, took, ok := strings.Cut(v["KPLB_RESTARTED"], " "); ok {
		seconds, err := strconv.ParseFloat(took, 64)
		if err != nil {
			panic("nodetest: " + err.Error())
		}
		q.Restart = &node.MeasuredRestart{Kind: inventory.Restart(kind), Took: time.Duration(seconds * float64(time.Second))}
	}
	return q
}

func (v values) doctor() any {
	if !v.flag("KPLB_SEND") {
		return node.ObserveRequest{
			Address: address(v["KPLB_ADDRESS"]), VIPs: addresses(strings.FieldsFunc(v["KPLB_VIPS"], func(r rune) bool { return r == ',' })),
			Listen: v.seconds("KPLB_SECONDS"), Nonces: v.words("KPLB_NONCES"),
		}
	}
	q := node.ProbeRequest{Address: address(v["KPLB_ADDRESS"]), Source: address(v["KPLB_SOURCE"]), Nonce: v["KPLB_NONCE"]}
	for _, peer := range v.words("KPLB_PEERS") {
		at, mac, _ := strings.Cut(peer, "/")
		q.Peers = append(q.Peers, node.Peer{Address: address(at), MAC: mac})
	}
	return q
}
