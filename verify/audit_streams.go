package verify

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/verdict"
)

// auditStreams holds an idle connection and an idle watch through every VIP, and checks
// that both work afterwards.
func auditStreams(ctx context.Context, f *fleet.Fleet, idle time.Duration) []verdict.Check {
	control, err := f.ControlPlane()
	if err != nil { // there would be no proof then
		return nil
	}
	entrances := f.Cluster.Entrances()
	out := make([]verdict.Check, 2*len(entrances))
	var all sync.WaitGroup
	for i, at := range entrances {
		dial, _ := control.Route(ctx, at) // without a route the connections fail
		through := apiserver.Endpoint{Address: at, CA: control.CA, Dial: dial, Credentials: control.Credentials}
		all.Go(func() {
			out[2*i] = checkHeld("an idle connection to", at, idle, through.HoldConnection(ctx, idle))
		})
		all.Go(func() {
			out[2*i+1] = checkHeld("a silent watch through", at, idle, through.HoldWatch(ctx, idle))
		})
	}
	all.Wait()
	return out
}

func checkHeld(what string, at netip.AddrPort, idle time.Duration, err error) verdict.Check {
	check := verdict.Check{What: fmt.Sprintf("%s %s survives %s", what, at, idle), OK: err == nil, Detail: "it still works"}
	var unwatched *apiserver.UnwatchedError
	switch {
	case errors.As(err, &unwatched):
		check.OK, check.Detail = true, "left out: "+err.Error()
	case err != nil:
		check.Detail = err.Error()
		check.Hint = "look at haproxy.timeouts (client, server, tunnel) of the inventory, and at firewalls on the way that forget idle connections"
	}
	return check
}
