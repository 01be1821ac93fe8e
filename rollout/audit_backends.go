package rollout

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/kplb/kplb/inventory"
)

// DefaultTries is a Depth's where a person says nothing. leastconn gives new
// connections to the server that has the fewest, until it has as many as the
// others.
const DefaultTries = 300

// fewestTries is how many connections are made even when every apiserver was
// behind one: one that lies now and then is met by half of them.
const fewestTries = 16

// served is what connections to one VIP have met.
type served struct {
	tried, failed int
	first         error          // of those that failed
	by            map[string]int // by the node that has the certificate
}

// auditBackends makes connections to every VIP until each apiserver was behind
// one: apiservers are told apart by their serving certificates.
func (r *Rollout) auditBackends(ctx context.Context, ca *x509.CertPool, tries int) []Check {
	owners, distinct := r.owners(ctx, ca)
	entrances := r.Cluster.Entrances()
	out := make([]Check, len(entrances))
	var all sync.WaitGroup
	for i, at := range entrances {
		all.Go(func() {
			if !distinct {
				out[i] = Check{What: behindWhat(at), OK: true, Detail: "left out: no certificates tell the apiservers apart"}
				return
			}
			holder, _ := checkHolder(at.Addr(), r.everyone(), r.facts)
			dial, _ := r.wayTo(ctx, at) // where there is none it fails again
			out[i] = checkBackends(at, slices.Sorted(maps.Values(owners)), meet(ctx, dial, ca, at, owners, tries), sessionsOf(r.facts[holder]))
		})
	}
	all.Wait()
	return out
}

func behindWhat(at netip.AddrPort) string { return fmt.Sprintf("every apiserver is behind %s", at) }

// certificateSum tells a certificate from all others.
type certificateSum = [sha256.Size]byte

// owners are the nodes whose apiserver answers, by the certificate that it
// shows; and whether these tell all of them apart.
func (r *Rollout) owners(ctx context.Context, ca *x509.CertPool) (out map[certificateSum]string, distinct bool) {
	out = map[certificateSum]string{}
	answer := 0
	var mu sync.Mutex
	_ = r.each(r.present(), func(n inventory.Node) error {
		sum, conn, err := shake(ctx, r.fromHereOr(r.hosts[n.Name]), ca, apiserverOf(r.Cluster, n))
		if err != nil {
			return err // it is missing, and the proof says why
		}
		_ = conn.Close() // it has shown its certificate
		mu.Lock()
		defer mu.Unlock()
		out[sum] = n.Name
		answer++
		return nil
	})
	return out, answer > 0 && len(out) == answer
}

// shake makes a connection of TLS, and wants a certificate of the cluster's CA.
func shake(ctx context.Context, dial DialFunc, ca *x509.CertPool, at netip.AddrPort) (certificateSum, net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	plain, err := dial(ctx, "tcp", at.String())
	if err != nil {
		return certificateSum{}, nil, err
	}
	conn := tls.Client(plain, &tls.Config{RootCAs: ca, ServerName: everyCertificate, MinVersion: tls.VersionTLS12})
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = plain.Close() // it has said enough
		return certificateSum{}, nil, explain(ca, at, err)
	}
	return sha256.Sum256(conn.ConnectionState().PeerCertificates[0].Raw), conn, nil
}

// sessionsOf are the connections that each server has by the holder's HAProxy.
func sessionsOf(holder *Facts) map[string]int {
	out := map[string]int{}
	if holder != nil {
		for _, s := range holder.Servers {
			out[s.Name] = s.Sessions
		}
	}
	return out
}

// meet makes connections until every owner was met, and keeps them open
// meanwhile: leastconn would give the next one to the same server again.
func meet(ctx context.Context, dial DialFunc, ca *x509.CertPool, at netip.AddrPort, owners map[certificateSum]string, most int) served {
	out := served{by: map[string]int{}}
	var held []net.Conn
	defer func() {
		for _, conn := range held {
			_ = conn.Close() // nothing was said
		}
	}()
	for out.tried < most && (out.tried < fewestTries || len(out.by) < len(owners)) && ctx.Err() == nil {
		out.tried++
		sum, conn, err := shake(ctx, dial, ca, at)
		if err == nil {
			held = append(held, conn)
			if owners[sum] == "" {
				err = errors.New("a certificate of the cluster's CA answers that no apiserver shows on its own address")
			}
		}
		if err != nil {
			if out.failed++; out.first == nil {
				out.first = err
			}
			if out.failed >= fewestTries { // it will not become better
				break
			}
			continue
		}
		out.by[owners[sum]]++
	}
	return out
}

func checkBackends(at netip.AddrPort, owners []string, met served, sessions map[string]int) Check {
	check := Check{What: behindWhat(at), OK: true}
	counts := make([]string, 0, len(owners))
	var missing []string
	for _, name := range owners {
		counts = append(counts, fmt.Sprintf("%s %d", name, met.by[name]))
		if met.by[name] == 0 {
			missing = append(missing, name)
		}
	}
	check.Detail = fmt.Sprintf("of %d connections, told apart by certificate: %s", met.tried, strings.Join(counts, ", "))
	switch {
	case met.failed > 0:
		check.OK = false
		check.Detail = fmt.Sprintf("%d of %d connections failed: %v", met.failed, met.tried, met.first)
		check.Cure = fmt.Sprintf("look at who else listens on %s on its holder (`ss -ltnp`), at rules of nftables for it, and at `journalctl -u haproxy`", at)
	case missing != nil && crowded(missing, sessions, met.tried):
		check.Detail += fmt.Sprintf("; left out %s: it has so many connections that new ones go to the others; more --tries may reach it", strings.Join(missing, ", "))
	case missing != nil:
		check.OK = false
		check.Detail += ": none for " + strings.Join(missing, " and ")
		check.Cure = "look at what the holder's HAProxy says of its servers (`kplb status`), and with exposure redirect or shared-port at whether HAProxy answers at all, and not the node's own apiserver"
	}
	return check
}

// crowded says whether all that were not met have more connections than could
// be made up for.
func crowded(missing []string, sessions map[string]int, tried int) bool {
	if len(sessions) == 0 {
		return false
	}
	fewest := slices.Min(slices.Collect(maps.Values(sessions)))
	return !slices.ContainsFunc(missing, func(name string) bool { return sessions[name]-fewest < tried/len(sessions) })
}
