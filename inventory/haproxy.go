package inventory

import "time"

// HAProxy holds what a person may tune in haproxy.cfg.
type HAProxy struct {
	Port        uint16 // on the VIP
	Balance     string // leastconn, roundrobin
	MaxConn     int    // connections at once
	MonitorPort uint16 // on 127.0.0.1: liveness, statistics and metrics
	Timeouts    Timeouts
	Check       Check
	// Unacknowledged is after how long without an acknowledgement of its kernel the
	// connections to an apiserver are closed. It is a profile's.
	Unacknowledged time.Duration
	Extra          HAProxyExtra
	PeersPort      uint16 // of the nodes' own addresses: what one HAProxy learns of a service's clients, all know
}

// HAProxyExtra are lines that stand at the end of sections, as a person wrote
// them. None of them begins another section.
type HAProxyExtra struct{ Global, Defaults, Frontend, Backend []string }

// Timeouts are HAProxy's, see its configuration manual, "timeout".
type Timeouts struct {
	Connect time.Duration // to a server; what a client waits at worst when one is cut off
	Client  time.Duration // idle client before a tunnel stands
	Server  time.Duration
	Tunnel  time.Duration // idle watch, exec, logs -f
	Check   time.Duration
}

// Check is how HAProxy looks at an apiserver's /readyz.
type Check struct {
	Interval time.Duration
	Fall     int
	Rise     int
}

// Fast is how soon HAProxy looks again at a server that is on its way from up
// to down or back.
func (c Check) Fast() time.Duration {
	return max(c.Interval/4, 50*time.Millisecond).Round(time.Millisecond)
}
