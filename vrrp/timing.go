package vrrp

import (
	"fmt"
	"slices"
	"time"

	"github.com/kplb/kplb/inventory"
)

// Timing says, a line for each fault, how soon the values of an inventory notice
// it and get over it, at worst.
func Timing(c *inventory.Cluster) []string {
	haproxy := c.HAProxy
	var lines []string
	if len(c.Nodes) > 1 {
		lines = append(lines,
			fmt.Sprintf("the holder's power or link lost: the VIP moves within %s", Short(masterDown(c))),
		)
		if c.Exposure == inventory.IPVS {
			lines = append(lines, fmt.Sprintf("its virtual server or its table of nftables gone: within %s", Short(c.VRRP.Watch.Frozen()+skew(c))))
		} else {
			lines = append(lines, fmt.Sprintf("its HAProxy dead: within %s; frozen: within %s", Short(skew(c)), Short(c.VRRP.Watch.Frozen()+skew(c))))
		}
		lines = append(lines, keepalivedLost(c)...)
	}
	if c.Exposure == inventory.IPVS {
		return append(lines, fmt.Sprintf("an apiserver cut off: every %s new connection hangs until it is taken out within %s", ordinal(len(c.Nodes)), Short(takenOut)))
	}
	// a check that gets no connection gives up after timeout connect, and comes again after fastinter
	connect, fast := min(haproxy.Timeouts.Connect, haproxy.Check.Interval), haproxy.Check.Fast()
	marked := haproxy.Check.Interval + time.Duration(haproxy.Check.Fall)*connect + time.Duration(haproxy.Check.Fall-1)*fast
	return append(lines, fmt.Sprintf("an apiserver cut off: new connections wait %s at most, until it is marked down within %s",
		Short(haproxy.Timeouts.Connect), Short(marked)))
}

// keepalivedLost says what follows when the holder's keepalived is killed, and
// when it is frozen.
func keepalivedLost(c *inventory.Cluster) []string {
	killed := fmt.Sprintf("its keepalived killed: the next node takes the VIP within %s; until then the old holder answers", Short(masterDown(c)))
	frozen := "its keepalived frozen: it is killed within " + Short(c.VRRP.Watch.HeartbeatTimeout)
	if both := c.VRRP.Watch.HeartbeatTimeout - masterDown(c); both > 0 {
		frozen += fmt.Sprintf("; for %s two nodes have the VIP", Short(both))
	}
	return []string{killed, frozen}
}

// takenOut is how long keepalived takes until it removes a server that does not
// answer: delay_loop, a check, delay_before_retry and a second check, as the
// built-in keepalived.conf has them.
const takenOut = (2 + 2 + 1 + 2) * time.Second

func ordinal(n int) string {
	switch n {
	case 1:
		return ""
	case 2:
		return "second"
	case 3:
		return "third"
	}
	return fmt.Sprintf("%dth", n)
}

// masterDown is the time after which the next node takes over from a holder that
// it does not hear any more: Active_Down_Interval of RFC 9568, 6.1, which keepalived
// calls the master down timer.
func masterDown(c *inventory.Cluster) time.Duration { return 3*c.VRRP.AdvertInterval + skew(c) }

// Restart is for how long nobody holds the VIPs while the only keepalived that speaks
// restarts: until it has stopped and read its file, and until it takes the VIPs as a BACKUP
// that hears nobody. A cluster of the lab was without its VIP for 2.5 s (issue 16).
func Restart(c *inventory.Cluster) time.Duration { return restarts + masterDown(c) }

const restarts = 1700 * time.Millisecond

// skewTime is what a node waits beyond three adverts, or when the holder says
// that it gives up: the less, the higher its priority.
func skewTime(version int, advert time.Duration, priority int) time.Duration {
	if version == 2 { // RFC 3768: of a second
		advert = time.Second
	}
	return advert * time.Duration(256-priority) / 256
}

// skew is the skew time of the node of the second highest priority, which is the
// next holder.
func skew(c *inventory.Cluster) time.Duration {
	priorities := make([]int, len(c.Nodes))
	for i, n := range c.Nodes {
		priorities[i] = n.Priority
	}
	slices.Sort(priorities)
	if len(priorities) < 2 {
		return 0
	}
	return skewTime(c.VRRP.Version, c.VRRP.AdvertInterval, priorities[len(priorities)-2])
}

// Short writes a time as Timing does: to the hundredth of a second.
func Short(d time.Duration) string { return d.Round(10 * time.Millisecond).String() }
