package verify

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/verdict"
)

// TestCheckHeld: what nobody may look at is left out, and what does not work has a
// hint.
func TestCheckHeld(t *testing.T) {
	t.Parallel()
	at := netip.MustParseAddrPort("10.1.233.1:6443")
	const what = "an idle connection to 10.1.233.1:6443 survives 5m0s"
	for _, c := range []struct {
		err  error
		want verdict.Check
	}{
		{nil, verdict.Check{What: what, OK: true, Detail: "it still works"}},
		{&apiserver.UnwatchedError{Code: 403}, verdict.Check{
			What: what, OK: true,
			Detail: "left out: the apiserver lets nobody watch without credentials (403), and no control-plane node gives any",
		}},
		{errors.New("after 1m0s: EOF"), verdict.Check{
			What: what, Detail: "after 1m0s: EOF",
			Hint: "look at haproxy.timeouts (client, server, tunnel) of the inventory, and at firewalls on the way that forget idle connections",
		}},
	} {
		same(t, "check", checkHeld("an idle connection to", at, 5*time.Minute, c.err), c.want)
	}
}
