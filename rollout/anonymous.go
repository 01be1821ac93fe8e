package rollout

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/render"
)

// HAProxy's checks of /readyz carry no credentials. If the apiservers refuse anonymous
// requests (401 with --anonymous-auth=false, 403 without the right), HAProxy has to
// accept that status as alive.

// plainExpect is the status of an apiserver that allows anonymous requests.
const plainExpect = "200"

// expectOf are the statuses that HAProxy on the nodes accepts now.
func expectOf(facts map[string]*node.Facts) string {
	for _, f := range facts {
		config := f.Files[render.HAProxyPath].Content
		if expect := haproxy.Parse(config).ExpectedStatus(); expect != "" && render.Stamp(config) != render.Unstamped && expect != plainExpect {
			return expect
		}
	}
	return plainExpect
}

// anyDownByStatus says whether an HAProxy has marked a server down because of its
// HTTP status.
func anyDownByStatus(facts map[string]*node.Facts) bool {
	for _, f := range facts {
		if slices.ContainsFunc(f.Servers, func(s haproxy.ServerState) bool { return !s.Up() && strings.HasPrefix(s.Check, "L7STS") }) {
			return true
		}
	}
	return false
}

// allServersUp says whether HAProxy on every node has got a 200 from every apiserver.
func allServersUp(f *fleet.Fleet, facts map[string]*node.Facts) bool {
	if expectOf(facts) != plainExpect {
		return false
	}
	for _, n := range f.Present() {
		servers := facts[n.Name].Servers
		if len(servers) != len(f.Cluster.Nodes) || slices.ContainsFunc(servers, func(s haproxy.ServerState) bool { return !s.Up() }) {
			return false
		}
	}
	return true
}

// askAnonymously asks the apiservers without credentials, and returns the statuses that
// HAProxy has to accept. If no apiserver answers, they stay as they are.
func askAnonymously(ctx context.Context, f *fleet.Fleet, expected string) (string, error) {
	control, err := f.ControlPlane()
	if err != nil {
		return "", err
	}
	if refusals, known := control.AnonymousRefusals(ctx); known {
		return expectCodes(refusals), nil
	}
	return expected, nil
}

func expectCodes(refusals []int) string {
	out := append(make([]string, 0, 1+len(refusals)), plainExpect)
	for _, status := range refusals {
		out = append(out, strconv.Itoa(status))
	}
	return strings.Join(out, ",")
}

// planFitting plans, and plans again if the apiservers answer with a status that HAProxy
// does not expect. It asks them only if something has to be done and HAProxy's own
// checks do not tell.
func planFitting(ctx context.Context, f *fleet.Fleet, in plan.Input) (*plan.Plan, error) {
	in.ExpectedStatus = expectOf(in.Facts)
	p, err := makePlan(ctx, f, in)
	if err != nil || p.Empty() && !anyDownByStatus(in.Facts) || allServersUp(f, in.Facts) {
		return p, err
	}
	expected := in.ExpectedStatus
	if in.ExpectedStatus, err = askAnonymously(ctx, f, expected); err != nil {
		return nil, err
	}
	if in.ExpectedStatus != expected {
		if p, err = makePlan(ctx, f, in); err != nil {
			return nil, err
		}
	}
	if in.ExpectedStatus != plainExpect {
		p.Note("apiservers refuse anonymous requests: HAProxy accepts status %s as alive and cannot tell whether they are ready; "+
			"an AuthenticationConfiguration that allows anonymous /livez, /readyz and /healthz fixes that", in.ExpectedStatus)
	}
	return p, nil
}
