package inventory

import "time"

func readHAProxy(c *collector, d *haproxyDocument, cluster *Cluster) HAProxy {
	port, usual := cluster.Port, cluster.Profile.pace()
	if !cluster.Exposure.SharesPort() && cluster.Exposure != IPVS {
		port = defaultOtherPort
	}
	return HAProxy{
		Port:        read(c, d.Port, portNumber, port),
		Balance:     read(c, d.Balance, oneOf([]string{defaultBalance, "roundrobin"}, nil), defaultBalance),
		MaxConn:     read(c, d.MaxConn, whole(100, 1_000_000), defaultMaxConn),
		MonitorPort: read(c, d.MonitorPort, portNumber, defaultMonitorPort),
		Timeouts:    readTimeouts(c, &d.Timeouts, usual.timeouts),
		Check: Check{
			Interval: read(c, d.Check.Interval, span(100*time.Millisecond, time.Minute, time.Millisecond), usual.check.Interval),
			Fall:     read(c, d.Check.Fall, whole(1, 100), usual.check.Fall),
			Rise:     read(c, d.Check.Rise, whole(1, 100), usual.check.Rise),
		},
		Unacknowledged: usual.unacknowledged,
		Extra: HAProxyExtra{
			Global:   readAll(c, d.Extra.Global.items, haproxyLine),
			Defaults: readAll(c, d.Extra.Defaults.items, haproxyLine),
			Frontend: readAll(c, d.Extra.Frontend.items, haproxyLine),
			Backend:  readAll(c, d.Extra.Backend.items, haproxyLine),
		},
		PeersPort: read(c, d.PeersPort, portNumber, defaultPeersPort),
	}
}

func readTimeouts(c *collector, d *timeoutsDocument, usual Timeouts) Timeouts {
	short := span(10*time.Millisecond, time.Minute, time.Millisecond)
	return Timeouts{
		Connect: read(c, d.Connect, short, usual.Connect),
		Client:  read(c, d.Client, idle, usual.Client),
		Server:  read(c, d.Server, idle, usual.Server),
		Tunnel:  read(c, d.Tunnel, idle, usual.Tunnel),
		Check:   read(c, d.Check, short, usual.Check),
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
