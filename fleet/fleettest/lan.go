package fleettest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/remote"
)

// LAN is what machines send each other.
type LAN struct {
	mu        sync.Mutex
	listening int
	Sent      []string // nonces
	Early     bool     // somebody sent before all listened
}

// Plug makes machines look around as doctor.sh does. Those without hear no probe.
func Plug(m *Machines, without ...string) *LAN {
	l := &LAN{}
	for i, n := range m.Fleet.Cluster.Nodes {
		m.Nodes[n.Name].On["doctor"] = func(_ context.Context, s remote.Script, say Say) error {
			if q, sends := nodetest.Request(s).(node.ProbeRequest); sends {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.Early = l.Early || l.listening < len(m.Fleet.Cluster.Nodes)
				l.Sent = append(l.Sent, q.Nonce)
				say("sent")
				return nil
			}
			nonces := nodetest.As[node.ObserveRequest](s).Nonces
			say("clock", fmt.Sprintf("%d.%09d", time.Now().Unix(), time.Now().Nanosecond()))
			say("addresses", fmt.Sprintf("2: eth0    inet %s/16 scope global eth0", n.Address))
			say("links", fmt.Sprintf("2: eth0: <UP> \\    link/ether 52:54:00:00:00:0%d brd x", i+1))
			time.Sleep(time.Duration(i) * 20 * time.Millisecond) // the last one is slow
			l.mu.Lock()
			l.listening++
			l.mu.Unlock()
			say("listening", "arp")
			for deadline := time.Now().Add(5 * time.Second); len(nonces) > 0 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
				l.mu.Lock()
				all := len(l.Sent) == len(m.Fleet.Cluster.Nodes)
				l.mu.Unlock()
				if all {
					break
				}
			}
			time.Sleep(50 * time.Millisecond) // the senders are back by then
			for _, nonce := range nonces {
				if !slices.Contains(without, n.Name) {
					say("probe", nonce, "10.1.1.9")
				}
			}
			say("done")
			return nil
		}
	}
	return l
}
