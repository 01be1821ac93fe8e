package inventory

import "time"

func (c *checker) haproxy(d *haproxyDocument, cluster *Cluster) HAProxy {
	port, usual := cluster.Port, cluster.Profile.pace()
	if !cluster.Exposure.SharesPort() && cluster.Exposure != IPVS {
		port = defaultOtherPort
	}
	return HAProxy{
		Port:        read(c.collector, d.Port, portNumber, port),
		Balance:     read(c.collector, d.Balance, oneOf([]string{defaultBalance, "roundrobin"}, nil), defaultBalance),
		MaxConn:     read(c.collector, d.MaxConn, whole(100, 1_000_000), defaultMaxConn),
		MonitorPort: read(c.collector, d.MonitorPort, portNumber, defaultMonitorPort),
		Timeouts:    c.timeouts(&d.Timeouts, usual.timeouts),
		Check: Check{
			Interval: read(c.collector, d.Check.Interval, span(100*time.Millisecond, time.Minute, time.Millisecond), usual.check.Interval),
			Fall:     read(c.collector, d.Check.Fall, whole(1, 100), usual.check.Fall),
			Rise:     read(c.collector, d.Check.Rise, whole(1, 100), usual.check.Rise),
		},
		Unacknowledged: usual.unacknowledged,
		Extra: HAProxyExtra{
			Global:   readAll(c.collector, d.Extra.Global.items, haproxyLine),
			Defaults: readAll(c.collector, d.Extra.Defaults.items, haproxyLine),
			Frontend: readAll(c.collector, d.Extra.Frontend.items, haproxyLine),
			Backend:  readAll(c.collector, d.Extra.Backend.items, haproxyLine),
		},
		PeersPort: read(c.collector, d.PeersPort, portNumber, defaultPeersPort),
	}
}

func (c *checker) timeouts(d *timeoutsDocument, usual Timeouts) Timeouts {
	short := span(10*time.Millisecond, time.Minute, time.Millisecond)
	return Timeouts{
		Connect: read(c.collector, d.Connect, short, usual.Connect),
		Client:  read(c.collector, d.Client, idle, usual.Client),
		Server:  read(c.collector, d.Server, idle, usual.Server),
		Tunnel:  read(c.collector, d.Tunnel, idle, usual.Tunnel),
		Check:   read(c.collector, d.Check, short, usual.Check),
	}
}

// shortestIdle leaves time for client-go's HTTP/2 ping: it is sent after 30 s
// without a frame, and its answer may take 15 s (kubernetes/kubernetes#95981).
const shortestIdle = 45 * time.Second

// idle parses timeouts of connections on which nothing moves.
func idle(s scalar) (time.Duration, *fault) {
	d, f := span(shortestIdle, 24*time.Hour, time.Millisecond)(s)
	if written, ok := parseSpan(s.text); ok && written < shortestIdle {
		f = &fault{
			"would cut idle watches: clients ping only after 30s of silence and wait 15s (kubernetes/kubernetes#95981)",
			"write at least 45s, better 1h",
		}
	}
	return d, f
}
