package node

import (
	"net/netip"
	"testing"
	"time"

	"github.com/kplb/kplb/remote"
)

// TestHostileObservation takes no form that doctor.sh does not write.
func TestHostileObservation(t *testing.T) {
	t.Parallel()
	var s Observation
	var p Probes
	for _, r := range []remote.Record{
		record("has"), record("has", "52:54:00:00:00:0g"), record("has", "52:54:00:00:00:01 x"),
		record("vrrp", "10.1.0.9", "3", "51"), record("vrrp", "10.1.0.9", "3", "256", "1"), record("vrrp", "host", "3", "51", "1"), record("vrrp", "10.1.0.9", "-3", "51", "1"),
		record("probe"), record("probe", "node-2"), record("selinux"), record("other", "x"),
		record("apparmor", "haproxy (enforce)\n$(reboot) (enforce)\nkeepalived (complain)"),
		record("links", "2: eth0: <UP> mtu 1500 \\    link/ether 52:54:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n3: eth0.5@eth0: <UP> \\    link/ether 52:54:00:00:00:02 brd x\n1: lo: <UP> \\    link/loopback 00:00:00:00:00:00\n"),
		record("neighbours", "10.1.1.2 dev eth0 lladdr 52:54:00:00:00:02 REACHABLE\n10.1.1.3 dev eth0 FAILED\nx lladdr 52:54:00:00:00:02 STALE\n10.1.1.4 lladdr\n"),
	} {
		if err := s.take(r); err != nil {
			t.Errorf("%v: %v", r, err)
		}
	}
	same(t, "answers", len(s.Answers)+len(s.Speakers)+len(s.Heard), 0)
	same(t, "profiles", s.Enforced, []string{"haproxy"})
	same(t, "MACs", s.MACs, map[string]string{"eth0": "52:54:00:00:00:01", "eth0.5": "52:54:00:00:00:02"})
	same(t, "neighbours", len(s.Neighbours), 1)
	same(t, "neighbour", s.Neighbours[0].Address.String()+" "+s.Neighbours[0].MAC, "10.1.1.2 52:54:00:00:00:02")
	says(t, s.take(record("manifest", "apiserver", "%")), "doctor: manifest: field 1 of record manifest is not base64: illegal base64 data at input byte 0")
	for range 2 * mostSpeakers {
		_ = s.take(record("vrrp", "10.1.0.9", "3", "51", "1"))
	}
	same(t, "speakers", len(s.Speakers), mostSpeakers)
	for range 2 * mostSpeakers {
		p.take(record("kept", "10.1.1.2"))
		p.take(record("kept", "node-2"))
		p.take(record("kept"))
	}
	same(t, "kept", len(p.EgressBlocked), mostSpeakers)
	same(t, "not sent", p.Sent.IsZero(), true)
}

// TestNodeClock places a node's clock between the question and the answer.
func TestNodeClock(t *testing.T) {
	t.Parallel()
	var s Observation
	asked := time.Unix(1000, 0)
	s.takeClock(record("clock", "1003.500000000"), asked, asked.Add(time.Second))
	same(t, "ahead", s.Ahead, 3*time.Second)
	same(t, "doubt", s.Doubt, 500*time.Millisecond)
	for _, bad := range []string{"", "1003.%N", "1003", "-5.000000000", "99999999999999999999.000000000"} {
		var s Observation
		s.takeClock(record("clock", bad), asked, asked)
		same(t, bad, s.HasClock, false)
	}
}

// TestNeighbours: only who was just asked, and answers, is fresh.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	one := func(address, mac string, fresh bool) []Neighbour {
		return []Neighbour{{netip.MustParseAddr(address), mac, fresh}}
	}
	for _, c := range []struct {
		text  string
		asked bool
		want  []Neighbour
	}{
		{"10.1.1.3 dev eth0 lladdr 52:54:00:00:00:03 STALE\n", false, one("10.1.1.3", "52:54:00:00:00:03", false)},
		{"10.1.233.1 dev eth0 lladdr 52:54:00:00:00:ff REACHABLE\n", true, one("10.1.233.1", "52:54:00:00:00:ff", true)},
		{"10.1.233.1 dev eth0 lladdr 52:54:00:00:00:ff REACHABLE\n", false, one("10.1.233.1", "52:54:00:00:00:ff", false)},
		{"10.1.233.1 dev eth0 lladdr 52:54:00:00:00:ff STALE\n", true, one("10.1.233.1", "52:54:00:00:00:ff", false)},
		{"fd10:1::100 dev eth0 lladdr 52:54:00:00:00:ff router REACHABLE\n", true, one("fd10:1::100", "52:54:00:00:00:ff", true)},
	} {
		same(t, c.text, parseNeighbours(c.text, c.asked), c.want)
	}
}
