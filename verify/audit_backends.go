package verify

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/verdict"
)

// DefaultTries is the default of Depth.Tries. leastconn gives new connections to the
// server with the fewest, until it has as many as the others.
const DefaultTries = 300

// auditBackends makes connections to every VIP until each apiserver has got one.
// Apiservers are recognised by their serving certificates.
func auditBackends(ctx context.Context, f *fleet.Fleet, control *apiserver.ControlPlane, tries int) []verdict.Check {
	owners, distinct := control.Owners(ctx)
	entrances := f.Cluster.Entrances()
	out := make([]verdict.Check, len(entrances))
	var all sync.WaitGroup
	for i, at := range entrances {
		all.Go(func() {
			if !distinct {
				out[i] = verdict.Check{What: behindWhat(at), OK: true, Detail: "left out: no certificates tell the apiservers apart"}
				return
			}
			holder := node.Holder(at.Addr(), f.Everyone(), f.Facts())
			dial, _ := control.Route(ctx, at) // without a route the connections fail
			tally := apiserver.ConnectUntilAll(ctx, apiserver.Endpoint{Address: at, CA: control.CA, Dial: dial}, owners, tries)
			out[i] = checkBackends(at, slices.Sorted(maps.Values(owners)), tally, sessionsOf(f.Facts()[holder]))
		})
	}
	all.Wait()
	return out
}

func behindWhat(at netip.AddrPort) string { return fmt.Sprintf("every apiserver is behind %s", at) }

// sessionsOf are the connections of each server according to the holder's HAProxy.
func sessionsOf(holder *node.Facts) map[string]int {
	out := map[string]int{}
	if holder != nil {
		for _, s := range holder.Servers {
			out[s.Name] = s.Sessions
		}
	}
	return out
}

func checkBackends(at netip.AddrPort, owners []string, tally apiserver.Tally, sessions map[string]int) verdict.Check {
	check := verdict.Check{What: behindWhat(at), OK: true}
	counts := make([]string, 0, len(owners))
	var missing []string
	for _, name := range owners {
		counts = append(counts, fmt.Sprintf("%s %d", name, tally.ByNode[name]))
		if tally.ByNode[name] == 0 {
			missing = append(missing, name)
		}
	}
	check.Detail = fmt.Sprintf("of %d connections, told apart by certificate: %s", tally.Tried, strings.Join(counts, ", "))
	switch {
	case tally.Failed > 0:
		check.OK = false
		check.Detail = fmt.Sprintf("%d of %d connections failed: %v", tally.Failed, tally.Tried, tally.First)
		check.Hint = fmt.Sprintf("check what else listens on %s on its holder (`ss -ltnp`), nftables rules for it, and `journalctl -u haproxy`", at)
	case missing != nil && crowded(missing, sessions, tally.Tried):
		check.Detail += fmt.Sprintf("; left out %s: it has so many connections that new ones go to the others; more --tries may reach it", strings.Join(missing, ", "))
	case missing != nil:
		check.OK = false
		check.Detail += ": none for " + strings.Join(missing, " and ")
		check.Hint = "look at what the holder's HAProxy says of its servers (`kplb status`), and with exposure redirect or shared-port at whether HAProxy answers at all, and not the node's own apiserver"
	}
	return check
}

// crowded says whether every missing apiserver has so many connections that leastconn
// gave all new ones to others.
func crowded(missing []string, sessions map[string]int, tried int) bool {
	if len(sessions) == 0 {
		return false
	}
	fewest := slices.Min(slices.Collect(maps.Values(sessions)))
	return !slices.ContainsFunc(missing, func(name string) bool { return sessions[name]-fewest < tried/len(sessions) })
}
