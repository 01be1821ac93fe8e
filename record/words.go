package record

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/kplb/kplb/inventory"
)

// Words say what a generation changed since the one before it: nodes, exposure, VIPs,
// services, and the files on nodes. before is nil for the first record; an inventory that
// is nil is not known, or cannot be read any more.
func Words(before, after *Record, was, now *inventory.Cluster) []string {
	var out []string
	if before == nil {
		out = append(out, "the first record of the cluster")
	} else {
		out = append(out, inNames(before, after)...)
		out = append(out, inMembers(before, after)...)
	}
	if after.Of != nil {
		out = append(out, fmt.Sprintf("back to generation %d", *after.Of))
	}
	if was != nil && now != nil {
		out = append(out, inInventories(was, now)...)
	}
	out = append(out, inFiles(after)...)
	if len(out) == 0 && before.Inventory != after.Inventory {
		return []string{"the inventory, without a change on the nodes"}
	}
	return out
}

func inNames(before, after *Record) []string {
	var out []string
	if before.Cluster.ID != after.Cluster.ID {
		out = append(out, "taken over from cluster "+before.Cluster.Name)
	} else if before.Cluster.Name != after.Cluster.Name {
		out = append(out, "renamed from "+before.Cluster.Name)
	}
	return out
}

// inMembers says who came, who left, and who is something else now.
func inMembers(before, after *Record) []string {
	var out []string
	for _, m := range after.Members {
		switch was, there := before.Member(m.Name); {
		case !there:
			out = append(out, fmt.Sprintf("%s %s added", m.Role, m.Name))
		case was.Role != m.Role:
			out = append(out, fmt.Sprintf("%s: %s, was %s", m.Name, m.Role, was.Role))
		case was.Address != m.Address:
			out = append(out, fmt.Sprintf("%s: address %s, was %s", m.Name, m.Address, was.Address))
		}
	}
	for _, m := range before.Members {
		if _, there := after.Member(m.Name); !there {
			out = append(out, fmt.Sprintf("%s %s removed", m.Role, m.Name))
		}
	}
	return out
}

// inInventories says what of the inventory's main settings is different.
func inInventories(was, now *inventory.Cluster) []string {
	var out []string
	change := func(what string, before, after any) {
		if a, b := fmt.Sprint(before), fmt.Sprint(after); a != b {
			out = append(out, fmt.Sprintf("%s: %s, was %s", what, orNone(b), orNone(a)))
		}
	}
	change("exposure", was.Exposure, now.Exposure)
	change("VIP", addresses(was.VIPs), addresses(now.VIPs))
	change("port", was.Port, now.Port)
	change("VIP's port", was.Entrance().Port(), now.Entrance().Port())
	change("DNS name", was.DNSName, now.DNSName)
	change("VRID", was.VRRP.VirtualRouterID, now.VRRP.VirtualRouterID)
	change("services", services(was), services(now))
	change("certificates", was.Certificates, now.Certificates)
	change("endpoint", was.Endpoint, now.Endpoint)
	return out
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func addresses(all []netip.Addr) string { return inventory.Join(all, ", ") }

func services(c *inventory.Cluster) string {
	out := make([]string, len(c.Services))
	for i, s := range c.Services {
		out[i] = fmt.Sprintf("%s:%d", s.Name, s.Port)
	}
	return strings.Join(out, ", ")
}

// namedFiles is how many files of the same nodes are named.
const namedFiles = 3

// inFiles names the files, and the nodes on which they changed: those of the same nodes
// together.
func inFiles(r *Record) []string {
	nodes := map[string][]string{}
	for _, c := range r.Changes {
		for _, path := range c.Files {
			nodes[path] = append(nodes[path], c.Node)
		}
	}
	files := map[string][]string{}
	for path, on := range nodes {
		slices.Sort(on)
		where := strings.Join(on, ", ")
		if len(on) > 1 && len(on) == len(r.Members) {
			where = "all nodes"
		}
		files[where] = append(files[where], path)
	}
	out := make([]string, 0, len(files))
	for _, where := range slices.Sorted(maps.Keys(files)) {
		slices.Sort(files[where])
		named := files[where]
		if more := len(named) - namedFiles; more > 1 {
			named = append(named[:namedFiles:namedFiles], fmt.Sprintf("and %d more", more))
		}
		out = append(out, "on "+where+": "+strings.Join(named, ", "))
	}
	return out
}
