package inventory

import (
	"time"

	"github.com/kplb/kplb/source"
)

func readHAProxy(c *source.Collector, d *haproxyDocument, cluster *Cluster) HAProxy {
	port, usual := cluster.Port, cluster.Profile.pace()
	if !cluster.Exposure.SharesPort() && cluster.Exposure != IPVS {
		port = defaultOtherPort
	}
	return HAProxy{
		Port:        source.Read(c, d.Port, source.PortNumber, port),
		Balance:     source.Read(c, d.Balance, source.OneOf([]string{defaultBalance, "roundrobin"}, nil), defaultBalance),
		MaxConn:     source.Read(c, d.MaxConn, source.Whole(100, 1_000_000), defaultMaxConn),
		MonitorPort: source.Read(c, d.MonitorPort, source.PortNumber, defaultMonitorPort),
		Timeouts:    readTimeouts(c, &d.Timeouts, usual.timeouts),
		Check: Check{
			Interval: source.Read(c, d.Check.Interval, source.Span(100*time.Millisecond, time.Minute, time.Millisecond), usual.check.Interval),
			Fall:     source.Read(c, d.Check.Fall, source.Whole(1, 100), usual.check.Fall),
			Rise:     source.Read(c, d.Check.Rise, source.Whole(1, 100), usual.check.Rise),
		},
		Unacknowledged: usual.unacknowledged,
		Extra: HAProxyExtra{
			Global:   readAll(c, d.Extra.Global.Items, haproxyLine),
			Defaults: readAll(c, d.Extra.Defaults.Items, haproxyLine),
			Frontend: readAll(c, d.Extra.Frontend.Items, haproxyLine),
			Backend:  readAll(c, d.Extra.Backend.Items, haproxyLine),
		},
		PeersPort: source.Read(c, d.PeersPort, source.PortNumber, defaultPeersPort),
	}
}

func readTimeouts(c *source.Collector, d *timeoutsDocument, usual Timeouts) Timeouts {
	short := source.Span(10*time.Millisecond, time.Minute, time.Millisecond)
	return Timeouts{
		Connect: source.Read(c, d.Connect, short, usual.Connect),
		Client:  source.Read(c, d.Client, idle, usual.Client),
		Server:  source.Read(c, d.Server, idle, usual.Server),
		Tunnel:  source.Read(c, d.Tunnel, idle, usual.Tunnel),
		Check:   source.Read(c, d.Check, short, usual.Check),
	}
}

// shortestIdle leaves time for client-go's HTTP/2 ping: it is sent after 30 s
// without a frame, and its answer may take 15 s (kubernetes/kubernetes#95981).
const shortestIdle = 45 * time.Second

// idle parses timeouts of connections on which nothing moves.
func idle(s source.Scalar) (time.Duration, *source.Fault) {
	d, f := source.Span(shortestIdle, 24*time.Hour, time.Millisecond)(s)
	if written, ok := source.ParseSpan(s.Text); ok && written < shortestIdle {
		f = source.Refuse(
			"would cut idle watches: clients ping only after 30s of silence and wait 15s (kubernetes/kubernetes#95981)",
			"write at least 45s, better 1h",
		)
	}
	return d, f
}
