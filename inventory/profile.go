package inventory

import "time"

// Profile bundles how soon the daemons notice that something has gone, and
// with it how much work of the machines and of the network they do for that.
type Profile string

// The profiles. What each of them measured: docs/failover.md.
const (
	DefaultProfile Profile = "default"
	// Fast has adverts, checks and a timeout that fit machines with processors
	// to spare, on one quiet network.
	Fast Profile = "fast"
	// Pi is for small boards: an SD card that stalls for a second, and etcd on it.
	Pi Profile = "pi"
)

// Watch is how a node looks at its own daemons. It is a profile's, and nobody
// else's: the times fit to one another.
type Watch struct {
	Interval         time.Duration // of keepalived's question whether HAProxy is alive, and the time for the answer; it also says that keepalived is
	Fall             int           // how many in a row without an answer make HAProxy a dead one
	HeartbeatTimeout time.Duration // after which keepalived is a frozen one, and is killed
}

// Patience is the HeartbeatTimeout of a node that has too much to do: what says that
// keepalived is well has to be run there, too.
func (w Watch) Patience() time.Duration { return 4 * w.HeartbeatTimeout }

// Frozen is after how long a frozen HAProxy is a dead one: Fall questions, the
// last of which gets no answer for a second.
func (w Watch) Frozen() time.Duration { return time.Duration(w.Fall)*w.Interval + time.Second }

// pace is what stands in an inventory of a profile that leaves it out.
type pace struct {
	advert   time.Duration // of VRRP version 3
	check    Check
	timeouts Timeouts
	watch    Watch

	unacknowledged time.Duration // see HAProxy
}

// advertInterval is the profile's. Version 2 counts in whole seconds.
func (p pace) advertInterval(version int) time.Duration {
	if version == 2 {
		return max(time.Second, p.advert)
	}
	return p.advert
}

// timeouts: connect bounds what a client waits when a node has been cut off;
// the idle ones are longer than the life of a watch, 5 to 10 minutes; check is
// more than /readyz takes to answer 500 when etcd is stalled.
func timeouts(connect, check time.Duration) Timeouts {
	return Timeouts{Connect: connect, Client: time.Hour, Server: time.Hour, Tunnel: 4 * time.Hour, Check: check}
}

func (p Profile) pace() pace {
	switch p {
	case Fast:
		return pace{
			advert:   100 * time.Millisecond,
			check:    Check{Interval: 500 * time.Millisecond, Fall: 3, Rise: 2},
			timeouts: timeouts(250*time.Millisecond, 5*time.Second),
			watch:    Watch{Interval: time.Second, Fall: 2, HeartbeatTimeout: 4500 * time.Millisecond},

			unacknowledged: 2 * time.Second,
		}
	case Pi:
		return pace{
			advert:   500 * time.Millisecond,
			check:    Check{Interval: 2 * time.Second, Fall: 3, Rise: 2},
			timeouts: timeouts(time.Second, 10*time.Second),
			watch:    Watch{Interval: 2 * time.Second, Fall: 3, HeartbeatTimeout: 20 * time.Second},

			unacknowledged: 5 * time.Second,
		}
	default:
		return pace{
			advert:   250 * time.Millisecond,
			check:    Check{Interval: time.Second, Fall: 3, Rise: 2},
			timeouts: timeouts(500*time.Millisecond, 5*time.Second),
			watch:    Watch{Interval: time.Second, Fall: 3, HeartbeatTimeout: 5 * time.Second},

			unacknowledged: 2 * time.Second,
		}
	}
}
