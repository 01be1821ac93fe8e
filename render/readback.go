package render

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kplb/kplb/inventory"
)

// ReadBack checks that the files say what the inventory says, whichever
// template made them: a node with another VRID, another VIP or without a
// server would be found out only when it matters.
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
		errs = append(errs, readDirector(content[KeepalivedPath], c)...)
		for _, at := range c.Entrances() {
			marks := fmt.Sprintf("dport %d meta mark set %d", at.Port(), DirectorMark)
			want(DirectorPath, fmt.Sprintf(`[^#\n]*ip daddr %s tcp\s+dport\s+%d\b[^#\n]*\bmark\s+set\s+%d`, quoted(at.Addr().String()), at.Port(), DirectorMark), marks+" for "+at.String())
			want(DirectorPath, `[^#\n]*`+quoted(at.Addr().String())+`[^#\n]*\bmasquerade`, "masquerade for "+at.String())
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
	errs = append(errs, readMetrics(content, c, n)...)
	wantServices(c, n, func(form, what string) { want(HAProxyPath, form, what) })
	return append(errs, readBalancing(content[HAProxyPath], binds, serviceBinds(c))...)
}

// MaxConn is how many connections a haproxy.cfg lets in all in all: maxconn of
// its global section, 0 where there is none. haproxy -c takes any number, and a
// reload with too many hangs.
func MaxConn(config []byte) uint64 {
	global, most := false, uint64(0)
	for line := range strings.Lines(string(config)) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		case sectionKeywords[words[0]]:
			global = words[0] == "global"
		case global && len(words) > 1 && words[0] == "maxconn":
			n, err := strconv.ParseUint(words[1], 10, 32)
			if err != nil && errors.Is(err, strconv.ErrRange) {
				n = math.MaxUint32
			}
			most = max(most, n)
		}
	}
	return most
}

// sectionKeywords begin a section, wherever in a line they stand (HAProxy's
// configuration manual, 2.1).
var sectionKeywords = map[string]bool{
	"global": true, "defaults": true, "frontend": true, "backend": true, "listen": true, "peers": true, "userlist": true,
	"resolvers": true, "mailers": true, "cache": true, "program": true, "http-errors": true, "ring": true, "log-forward": true, "fcgi-app": true,
}

// readBalancing checks what HAProxy itself takes and clients would not: TLS
// that is read as HTTP, and servers that are asked for what they do not have.
// Services are not HTTP to kplb: what their sections ask for is a person's own.
func readBalancing(config []byte, binds, services []string) []error {
	var errs []error
	mode, section, serves := map[string]string{}, "", map[string]bool{}
	serviceSections := sectionsOf(config, services)
	for line := range strings.Lines(string(config)) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		case line[0] != ' ' && line[0] != '\t':
			section = words[0]
			if len(words) > 1 {
				section += " " + words[1]
			}
			mode[section] = mode["defaults"]
		case words[0] == "mode" && len(words) > 1:
			mode[section] = words[1]
		case words[0] == "bind" && slices.ContainsFunc(words[1:], func(w string) bool { return slices.Contains(binds, w) }):
			serves[section] = true
		case words[0] == "default_backend" && len(words) > 1 && serves[section]:
			serves["backend "+words[1]] = true
		case asksFor(words) != "" && !serviceSections[section] && !slices.Contains(health, asksFor(words)):
			errs = append(errs, fmt.Errorf("%s checks %s, which is none of %s", HAProxyPath, asksFor(words), strings.Join(health, ", ")))
		}
	}
	for _, section := range slices.Sorted(maps.Keys(serves)) {
		if m := mode[section]; m != "" && m != "tcp" {
			errs = append(errs, fmt.Errorf("%s has %s in mode %s: clients speak TLS with the apiserver, it has to be tcp", HAProxyPath, section, m))
		}
	}
	return errs
}

// health is what an apiserver answers about itself to everybody.
var health = []string{"/readyz", "/livez", "/healthz"}

// asksFor is the path of a health check, empty if the line has none:
// `http-check send … uri PATH` or `option httpchk [METHOD] PATH …`.
func asksFor(words []string) string {
	switch {
	case words[0] == "http-check":
		if i := slices.Index(words, "uri"); i > 0 && i+1 < len(words) {
			return words[i+1]
		}
	case len(words) > 2 && words[0] == "option" && words[1] == "httpchk":
		return words[min(3, len(words)-1)]
	}
	return ""
}

// Unsaid is something that a node's files do not say, and the inventory does.
type Unsaid struct {
	Node string
	Err  error
}

func (u *Unsaid) Error() string { return u.Node + ": " + u.Err.Error() }

// Unwrap gives what it is.
func (u *Unsaid) Unwrap() error { return u.Err }

// Hint is the cure: only a template of somebody's own makes such a file.
func (u *Unsaid) Hint() string { return "compare your template with `kplb templates NAME`" }

// ReadBack checks the files of every node, rendered with the facts that are
// given for it, or the defaults. Its error joins an *Unsaid for each fault.
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
			errs = append(errs, &Unsaid{Node: n.Name, Err: err})
		}
	}
	return errors.Join(errs...)
}
