package node

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/firewall"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// Action is what happens to a unit of systemd.
type Action string

// The actions.
const (
	Leave   Action = ""
	Start   Action = "start"
	Reload  Action = "reload"
	Restart Action = "restart"
	Stop    Action = "stop"
)

// Sysctl is what happens to the kernel's settings.
type Sysctl string

// The settings stay, are applied, or are taken away.
const (
	SysctlLeave Sysctl = ""
	SysctlOn    Sysctl = "1"
	SysctlOff   Sysctl = "0"
)

// ActivateRequest has the daemons use the files that are in place.
type ActivateRequest struct {
	Txn             string
	Token           string // of the lock that its operator holds
	ReadUnits       bool   // systemd reads its unit files again
	Sysctl          Sysctl
	Enable, Disable []string // units to start at boot, or not to
	HAProxy         Action
	Keepalived      Action
	Kubelet         Action
	Redirect        Action // of the VIP's port to haproxy, by nftables: Start or Stop
	IPVS            Action // of the mark that has the kernel balance, by nftables: Start or Stop

	RestoreSettings []string // of the kernel, below /proc/sys, that it gets back
	RestoreFrom     int      // the generation that has them
	NoBind6         bool     // what IPv6 VIPs needed of the kernel is as it was before kplb

	UFWAllow, UFWDelete []render.Rule
	HAProxyListens      []netip.AddrPort // where haproxy has to listen afterwards; none: it need not
	Active              []byte           // kept at ActivePath as what the daemons have loaded
}

// Activate has the daemons of a node use their new files, and sees that they go
// on running with them. A RefusedError may come half way: the change is in place,
// and is to be reverted.
func Activate(ctx context.Context, h Host, l distribution.Layout, q ActivateRequest) error {
	return run(ctx, h, q.script(l), nil)
}

func (q ActivateRequest) script(l distribution.Layout) remote.Script {
	s := layoutScript("activate", l, map[string]string{
		"KPLB_TXN": q.Txn, "KPLB_TOKEN": q.Token, "KPLB_UNITS": flag(q.ReadUnits), "KPLB_SYSCTL": string(q.Sysctl),
		"KPLB_ENABLE": strings.Join(q.Enable, " "), "KPLB_DISABLE": strings.Join(q.Disable, " "),
		"KPLB_HAPROXY": string(q.HAProxy), "KPLB_KEEPALIVED": string(q.Keepalived), "KPLB_KUBELET": string(q.Kubelet),
		"KPLB_REDIRECT": string(q.Redirect), "KPLB_DIRECTOR": string(q.IPVS), "KPLB_MARK": mark,
		"KPLB_GIVE": strings.Join(q.RestoreSettings, " "), "KPLB_GIVE_OF": number(q.RestoreFrom),
		"KPLB_OPEN": ufwLines("allow", q.UFWAllow), "KPLB_CLOSE": ufwLines("delete", q.UFWDelete),
		"KPLB_SERVES": inventory.Join(q.HAProxyListens, " "), "KPLB_NO_BIND6": flag(q.NoBind6),
	})
	s.Files = map[string][]byte{"active": q.Active}
	return s
}

// ufwLines is what firewall.sh reads: allow or delete, direction, protocol,
// from, to, port.
func ufwLines(verb string, rules []render.Rule) string {
	var out strings.Builder
	for _, r := range rules {
		fmt.Fprintf(&out, "%s %s %s %s %s %d\n", verb, firewall.Direction(r), r.Protocol, firewall.Address(r.From), firewall.Address(r.To), r.Port)
	}
	return out.String()
}
