package node

import "testing"

// TestOtherKeepalivedsCheck: a keepalived that only checks a file, as another
// operator's step does at the same time, holds nothing.
func TestOtherKeepalivedsCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"keepalived", "-t", "-f", "/var/lib/kplb/stage/keepalived.conf"}, 0},
		{[]string{"keepalived", "--config-test", "-f", "/x"}, 0},
		{[]string{"keepalived", "-v"}, 0},
		{[]string{"keepalived", "-n", "-f", "/x"}, 1},
	} {
		f := &Facts{Processes: []Process{{PID: 7, Parent: 1, Name: "keepalived", Group: "session-1.scope", Args: c.args}}}
		if got := len(f.OtherKeepaliveds()); got != c.want {
			t.Errorf("%q: %d, want %d", c.args, got, c.want)
		}
	}
}
