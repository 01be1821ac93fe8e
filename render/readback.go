package render

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
)

// ReadBack checks that the files say what the inventory says, whichever
// template made them: a node with another VRID, another VIP or without a
// server would be noticed only when another node fails. Its error joins one for
// each difference.
func ReadBack(artifacts []Artifact, c *inventory.Cluster, n inventory.Node, f Facts) error {
	return errors.Join(differences(artifacts, c, n, f)...)
}

func differences(artifacts []Artifact, c *inventory.Cluster, n inventory.Node, f Facts) []error {
	content := map[string][]byte{}
	for _, a := range artifacts {
		content[a.Path] = a.Content
	}
	var errs []error
	want := func(path, form, what string) {
		if !regexp.MustCompile(`(?m)^\s*` + form + `\b`).Match(content[path]) {
			errs = append(errs, fmt.Errorf("%s does not have %s", path, what))
		}
	}
	quoted := regexp.QuoteMeta
	for _, g := range c.Groups() {
		id, priority := g.VirtualRouterID, g.Priorities[n.Name]
		want(KeepalivedPath, fmt.Sprintf(`virtual_router_id\s+%d`, id), fmt.Sprintf("virtual_router_id %d", id))
		want(KeepalivedPath, fmt.Sprintf(`priority\s+%d`, priority), fmt.Sprintf("priority %d", priority))
	}
	want(KeepalivedPath, `interface\s+`+quoted(f.Interface), "interface "+f.Interface)
	for _, vip := range c.VIPs {
		want(KeepalivedPath, quoted(vip.String())+`(/\d+)?`, "the VIP "+vip.String())
	}
	if c.Exposure == inventory.IPVS {
		errs = append(errs, readBackIPVS(content[KeepalivedPath], c)...)
		for _, at := range c.Entrances() {
			marks := fmt.Sprintf("dport %d meta mark set %d", at.Port(), IPVSMark)
			want(IPVSPath, fmt.Sprintf(`[^#\n]*ip daddr %s tcp\s+dport\s+%d\b[^#\n]*\bmark\s+set\s+%d`, quoted(at.Addr().String()), at.Port(), IPVSMark), marks+" for "+at.String())
			want(IPVSPath, `[^#\n]*`+quoted(at.Addr().String())+`[^#\n]*\bmasquerade`, "masquerade for "+at.String())
		}
		return errs
	}
	var binds []string
	for i := range c.VIPs {
		bind := c.Frontends()[i].String()
		want(HAProxyPath, `bind\s+`+quoted(bind), "bind "+bind)
		if c.Exposure == inventory.Redirect {
			want(RedirectPath, fmt.Sprintf(`[^#\n]*\bdport\s+%d\b.*\bdnat\s+to\s+%s`, c.Port, quoted(bind)), fmt.Sprintf("dport %d dnat to %s", c.Port, bind))
		}
		binds = append(binds, bind)
	}
	for _, other := range c.Nodes {
		server := hostport(other.Address, c.Port)
		want(HAProxyPath, `server\s+\S+\s+`+quoted(server), "a server "+server)
	}
	errs = append(errs, readBackMetrics(content, c, n)...)
	wantServices(c, n, func(form, what string) { want(HAProxyPath, form, what) })
	return append(errs, readBackBalancing(haproxy.Parse(content[HAProxyPath]), binds, serviceBinds(c))...)
}

// Difference is something that the inventory says, and a node's files do not.
type Difference struct {
	Node string
	Err  error
}

func (d *Difference) Error() string { return d.Node + ": " + d.Err.Error() }

// Unwrap gives what it is.
func (d *Difference) Unwrap() error { return d.Err }

// Hint is where to look: only a template of the user's own makes such a file.
func (d *Difference) Hint() string { return "compare your template with `kplb templates NAME`" }

// ReadBack checks the files of every node, rendered with the facts that are
// given for it, or the defaults. Its error joins a *Difference for each.
func (t Tree) ReadBack(c *inventory.Cluster, facts map[string]Facts) error {
	var errs []error
	for _, n := range c.Nodes {
		f, ok := facts[n.Name]
		if !ok {
			f = DefaultFacts(n)
		}
		var artifacts []Artifact
		for path, a := range t {
			if path == n.Name+a.Path {
				artifacts = append(artifacts, a)
			}
		}
		for _, err := range differences(artifacts, c, n, f) {
			errs = append(errs, &Difference{Node: n.Name, Err: err})
		}
	}
	return errors.Join(errs...)
}
