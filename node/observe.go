package node

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
)

// ObserveRequest has a node look around: at what stands in the way of a VIP, and
// at what others say on its network.
type ObserveRequest struct {
	Address netip.Addr // of the node
	VIPs    []netip.Addr
	Listen  time.Duration // in whole seconds
	Nonces  []string      // of the probes of the other nodes
}

// Observe has a node look around, and changes nothing. It calls listening as soon
// as the node listens; what Observation says of the node itself does not change
// any more after that. What does not have its form is left out; an answer that is
// cut short is an error.
func Observe(ctx context.Context, h Host, l distribution.Layout, q ObserveRequest, o *Observation, listening func()) error {
	complete, asked := false, time.Now()
	err := read(ctx, h, q.script(l), func(r remote.Record) error {
		switch r.Key {
		case "clock":
			o.takeClock(r, asked, time.Now())
		case "done":
			complete = true
		}
		if err := o.take(r); err != nil {
			return err
		}
		if o.Listens {
			listening()
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case !complete:
		return fmt.Errorf("%s: doctor: the node's answer is cut short", h.Name())
	}
	return nil
}

func (q ObserveRequest) script(l distribution.Layout) remote.Script {
	return doctor(l, map[string]string{
		"KPLB_ADDRESS": q.Address.String(), "KPLB_VIPS": inventory.Join(q.VIPs, ","), "KPLB_SECONDS": seconds(q.Listen),
		"KPLB_NONCES": strings.Join(slices.Sorted(slices.Values(q.Nonces)), " "),
	})
}

// doctor is doctor.sh. Variables that it is not given are empty.
func doctor(l distribution.Layout, vars map[string]string) remote.Script {
	s := layoutScript("doctor", l, map[string]string{
		"KPLB_SEND": "", "KPLB_ADDRESS": "", "KPLB_VIPS": "", "KPLB_SOURCE": "", "KPLB_SECONDS": "", "KPLB_NONCE": "", "KPLB_PEERS": "", "KPLB_NONCES": "",
	})
	for name, value := range vars {
		s.Vars[name] = value
	}
	s.Files = map[string][]byte{"vrrp.pl": []byte(file("vrrp.pl"))}
	return s
}

// Peer is where a probe goes.
type Peer struct {
	Address netip.Addr
	MAC     string
}

// ProbeRequest has a node send probes of VRRP to others that listen.
type ProbeRequest struct {
	Address netip.Addr // of the node
	Source  netip.Addr // that the packets in the probes seem to come from: an IPv4 VIP
	Nonce   string     // 32 hexadecimal digits, by which others know them
	Peers   []Peer
}

// Probes is what became of a node's probes.
type Probes struct {
	Sent          time.Time    // zero: it could not send
	EgressBlocked []netip.Addr // to whom the node's own firewall sends no VRRP
}

// SendProbes sends probes while the others listen. What there is of the answer
// comes with an error, too.
func SendProbes(ctx context.Context, h Host, q ProbeRequest) (Probes, error) {
	var p Probes
	err := run(ctx, h, q.script(), p.take)
	return p, err
}

func (q ProbeRequest) script() remote.Script {
	peers := make([]string, len(q.Peers))
	for i, p := range q.Peers {
		peers[i] = p.Address.String() + "/" + p.MAC
	}
	return doctor(unnamed, map[string]string{
		"KPLB_SEND": "1", "KPLB_ADDRESS": q.Address.String(), "KPLB_SOURCE": q.Source.String(), "KPLB_NONCE": q.Nonce, "KPLB_PEERS": strings.Join(peers, " "),
	})
}

func (p *Probes) take(r remote.Record) {
	switch {
	case r.Key == "sent":
		p.Sent = time.Now()
	case r.Key == "kept" && len(r.Fields) == 1 && len(p.EgressBlocked) < mostSpeakers:
		if a, err := netip.ParseAddr(r.Fields[0]); err == nil {
			p.EgressBlocked = append(p.EgressBlocked, a)
		}
	}
}
