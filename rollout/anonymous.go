package rollout

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/render"
)

// HAProxy asks /readyz without credentials. Where apiservers refuse that
// (--anonymous-auth=false: 401; no right to it: 403), the refusal has to do as
// a sign of life (domain.md 4.2).

// plainExpect is what an apiserver answers that lets everybody ask.
const plainExpect = "200"

// expectOf is what the nodes' HAProxy takes for an answer now.
func expectOf(facts map[string]*Facts) string {
	for _, f := range facts {
		config := f.Files[render.HAProxyPath].Content
		if expect := haproxy.Parse(config).ExpectedStatus(); expect != "" && render.Stamp(config) != render.Unstamped && expect != plainExpect {
			return expect
		}
	}
	return plainExpect
}

// complains says whether a HAProxy has a server down for what it answers.
func complains(facts map[string]*Facts) bool {
	for _, f := range facts {
		if slices.ContainsFunc(f.Servers, func(s haproxy.ServerState) bool { return !s.Up() && strings.HasPrefix(s.Check, "L7STS") }) {
			return true
		}
	}
	return false
}

// content says whether the HAProxy of every node has asked every apiserver,
// and has got a 200.
func (r *Rollout) content(facts map[string]*Facts) bool {
	if r.expect != plainExpect {
		return false
	}
	for _, n := range r.present() {
		servers := facts[n.Name].Servers
		if len(servers) != len(r.Cluster.Nodes) || slices.ContainsFunc(servers, func(s haproxy.ServerState) bool { return !s.Up() }) {
			return false
		}
	}
	return true
}

// askAnonymously finds out what the apiservers answer to whoever they do not
// know. Where none answers, nothing is learned.
func (r *Rollout) askAnonymously(ctx context.Context) error {
	ca, err := r.authority()
	if err != nil {
		return err
	}
	var mu sync.Mutex
	answered, codes := false, map[int]bool{}
	err = r.each(r.present(), func(n inventory.Node) error {
		p := newProber(ca, apiserverOf(r.Cluster, n), r.fromHereOr(r.hosts[n.Name]))
		defer p.close()
		err := p.askOver(ctx, p.own, "/readyz")
		var refused *statusError
		mu.Lock()
		defer mu.Unlock()
		if errors.As(err, &refused) && refused.anonymous() {
			codes[refused.code] = true
		}
		answered = answered || err == nil || refused != nil
		return nil
	})
	if answered {
		r.expect = expectCodes(codes)
	}
	return err
}

func expectCodes(refusals map[int]bool) string {
	out := []string{plainExpect}
	for _, code := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		if refusals[code] {
			out = append(out, strconv.Itoa(code))
		}
	}
	return strings.Join(out, ",")
}

// planFitting plans, and plans again where the apiservers answer otherwise
// than HAProxy expects. They are asked only when something is to be done, and
// HAProxy has not asked them already.
func (r *Rollout) planFitting(ctx context.Context, facts map[string]*Facts) (*Plan, error) {
	r.expect = expectOf(facts)
	plan, err := r.plan(ctx, facts)
	if err != nil || plan.Empty() && !complains(facts) || r.content(facts) {
		return plan, err
	}
	expected := r.expect
	if err := r.askAnonymously(ctx); err != nil {
		return nil, err
	}
	if r.expect != expected {
		if plan, err = r.plan(ctx, facts); err != nil {
			return nil, err
		}
	}
	if r.expect != plainExpect {
		plan.note("apiservers refuse anonymous requests: HAProxy takes the answers %s for a sign of life, and cannot tell whether they are ready; "+
			"an AuthenticationConfiguration that allows /livez, /readyz and /healthz mends that", r.expect)
	}
	return plan, nil
}
