package node

import "testing"

func TestParseStates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, journal string
		want          map[string]string
	}{
		{"nothing", "", map[string]string{}},
		{"the newest counts", "(KPLB) Entering MASTER STATE\n(KPLB) Entering BACKUP STATE\n(KPLB) Entering BACKUP STATE (init)\n", map[string]string{"KPLB": "MASTER"}},
		{
			"several, and faults in both of keepalived's ways",
			"(KPLB_2) Entering FAULT STATE\n(KPLB): entering FAULT state (tracked file kplb_haproxy has status -254)\n(KPLB_2) Entering MASTER STATE\n",
			map[string]string{"KPLB": "FAULT", "KPLB_2": "FAULT"},
		},
		{"other lines", "VRRP_Script(kplb_check) succeeded\n(KPLB) entering limbo state\nx (KPLB) Entering MASTER STATE\n(KPLB) Entering MASTER\n", map[string]string{}},
		{"a name that is none", "(K\x1b[2J) Entering MASTER STATE\n() Entering MASTER STATE\n", map[string]string{}},
	} {
		same(t, c.name, parseStates(c.journal), c.want)
	}
}
