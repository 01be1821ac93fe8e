package render

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/kplb/kplb/inventory"
)

// ReadBack checks that the files say what the inventory says, whichever
// template made them: a node with another VRID, another VIP or without a
// server would be found out only when it matters.
func ReadBack(artifacts []Artifact, c *inventory.Cluster, n inventory.Node, f Facts) error {
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
	want(KeepalivedPath, fmt.Sprintf(`virtual_router_id\s+%d`, c.VRRP.VirtualRouterID), fmt.Sprintf("virtual_router_id %d", c.VRRP.VirtualRouterID))
	want(KeepalivedPath, fmt.Sprintf(`priority\s+%d`, n.Priority), fmt.Sprintf("priority %d", n.Priority))
	want(KeepalivedPath, `interface\s+`+quoted(f.Interface), "interface "+f.Interface)
	want(KeepalivedPath, quoted(c.VIP.String())+`(/\d+)?`, "the VIP "+c.VIP.String())
	bind := hostport(c.VIP, c.Port)
	want(HAProxyPath, `bind\s+`+quoted(bind), "bind "+bind)
	for _, other := range c.Nodes {
		server := hostport(other.Address, c.Port)
		want(HAProxyPath, `server\s+\S+\s+`+quoted(server), "a server "+server)
	}
	return errors.Join(errs...)
}
