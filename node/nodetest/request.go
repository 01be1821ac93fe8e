// Package nodetest is for tests that stand in for nodes: it reads out of a
// program's data which request it was made of, so that no other package knows in
// which form programs get them.
package nodetest

import (
	"net/netip"
	"strings"
	"time"

	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
)

// These are the requests of calls that have no type for them in package node.
type (
	// RenewRequest is of node.Renew.
	RenewRequest struct{ Txn, Token string }
	// ForgetRequest is of node.Forget.
	ForgetRequest struct{ Token string }
	// MendRequest is of node.Mend and node.EndDrill.
	MendRequest struct{ Token string }
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
		return node.PackagesRequest{Names: v.words("KPLB_PACKAGES"), Token: s.Vars["KPLB_TOKEN"], FetchOnly: v.flag("KPLB_CHECK")}
	case "stage":
		return v.stage(s.Files)
	case "transact":
		return node.TransactRequest{Txn: s.Vars["KPLB_TXN"], Token: s.Vars["KPLB_TOKEN"]}
	case "renew":
		return RenewRequest{s.Vars["KPLB_TXN"], s.Vars["KPLB_TOKEN"]}
	case "manifest":
		return node.ManifestRequest{
			Txn: s.Vars["KPLB_TXN"], Token: s.Vars["KPLB_TOKEN"], Before: v.sum("KPLB_BEFORE"), Mode: mode(s.Vars["KPLB_MODE"]), Content: s.Files["manifest"], Port: v.port("KPLB_PORT"),
		}
	case "await":
		return node.AwaitRequest{Listen: listen(s.Vars["KPLB_LISTEN"]), After: node.Replaced{Socket: v.unsigned("KPLB_SOCKET", 40), At: time.Duration(v.number("KPLB_SINCE")) * time.Second / 100}, Wait: v.seconds("KPLB_SECONDS")}
	case "activate":
		return v.activate(s.Files["active"])
	case "precommit":
		return node.PrecommitRequest{Txn: s.Vars["KPLB_TXN"], Token: s.Vars["KPLB_TOKEN"], Paths: v.words("KPLB_PATHS")}
	case "confirm":
		return v.confirm()
	case "revert":
		return node.RevertRequest{Txn: s.Vars["KPLB_TXN"], Token: s.Vars["KPLB_TOKEN"], Paths: v.words("KPLB_PATHS"), Reason: s.Vars["KPLB_REASON"]}
	case "level":
		return node.LevelRequest{
			Txn: s.Vars["KPLB_TXN"], Token: s.Vars["KPLB_TOKEN"], About: s.Vars["KPLB_ABOUT"], Number: v.number("KPLB_NUMBER"), Record: s.Files["record"],
			Paths: v.words("KPLB_PATHS"), Keep: v.number("KPLB_KEEP"),
		}
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
		return node.WatchRequest{Token: s.Vars["KPLB_TOKEN"], VIP: address(s.Vars["KPLB_VIP"]), Lasts: v.seconds("KPLB_SECONDS")}
	case "drill break":
		return node.BreakRequest{
			Token: s.Vars["KPLB_TOKEN"], Fault: s.Vars["KPLB_FAULT"], Lasts: v.seconds("KPLB_LASTS"), MendAfter: v.seconds("KPLB_SECONDS"),
			Interface: s.Vars["KPLB_INTERFACE"], VIPs: addresses(v.words("KPLB_VIPS")), APIServer: netip.MustParseAddrPort(s.Vars["KPLB_AT"]),
		}
	case "forget":
		return ForgetRequest{s.Vars["KPLB_TOKEN"]}
	case "drill mend", "drill end":
		return MendRequest{s.Vars["KPLB_TOKEN"]}
	case "hello", "credentials", "unlock", "drill seen":
		return nil
	}
	panic("nodetest: there is no program " + s.Name)
}

// Token is that of the lock for whose holder the program is; empty: for nobody's.
func Token(s remote.Script) string { return s.Vars["KPLB_TOKEN"] }

// As is Request for a program whose request is known to be an R.
func As[R any](s remote.Script) R { return Request(s).(R) }

func (v values) inspect() node.InspectRequest {
	q := node.InspectRequest{
		Token: v["KPLB_TOKEN"], MonitorPort: v.port("KPLB_MONITOR_PORT"), Kubeconfigs: v.flag("KPLB_HOMES"), Firewall: v.flag("KPLB_FILTER"),
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
