package rollout

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kplb/kplb/render"
)

// HAProxy asks /readyz without credentials. Where apiservers refuse that
// (--anonymous-auth=false: 401; no right to it: 403), the refusal has to do as
// a sign of life (domain.md 4.2).

// plainExpect is what an apiserver answers that lets everybody ask.
const plainExpect = "200"

var expectLine = regexp.MustCompile(`(?m)^\s*http-check expect status ([0-9,]+)$`)

// expectOf is what the nodes' HAProxy takes for an answer now.
func expectOf(facts map[string]*Facts) string {
	for _, f := range facts {
		config := f.Files[render.HAProxyPath].Content
		if m := expectLine.FindSubmatch(config); m != nil && render.Stamp(config) != render.Unstamped && string(m[1]) != plainExpect {
			return string(m[1])
		}
	}
	return plainExpect
}

// complains says whether a HAProxy has a server down for what it answers.
func complains(facts map[string]*Facts) bool {
	for _, f := range facts {
		if slices.ContainsFunc(f.Servers, func(s Server) bool { return !s.Up() && strings.HasPrefix(s.Check, "L7STS") }) {
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
		if len(servers) != len(r.Cluster.Nodes) || slices.ContainsFunc(servers, func(s Server) bool { return !s.Up() }) {
			return false
		}
	}
	return true
}

// askAnonymously finds out what the apiservers answer to requests without
// credentials. Where none answers, nothing is known.
func (r *Rollout) askAnonymously(ctx context.Context) error {
	ca, err := r.authority()
	if err != nil {
		return err
	}
	if refusals, known := r.controlPlane(ca).AnonymousRefusals(ctx); known {
		r.expect = expectCodes(refusals)
	}
	return nil
}

func expectCodes(refusals []int) string {
	out := []string{plainExpect}
	for _, status := range refusals {
		out = append(out, strconv.Itoa(status))
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
