package record

import (
	"slices"

	"github.com/kplb/kplb/inventory"
)

// mostInventory is how much of an inventory a record keeps, in bytes. A longer one is not
// kept.
const mostInventory = 128 << 10

// New is the record of a generation that is made of an inventory. By whom, when and with
// what is left to the caller.
func New(c *inventory.Cluster, id string, generation int) *Record {
	r := &Record{Format: Format, Cluster: Cluster{ID: id, Name: c.Name}, Generation: generation, Members: MembersOf(c), Changes: []Change{}}
	if len(c.Text) <= mostInventory {
		r.Inventory = string(c.Text)
	}
	return r
}

// MembersOf are the nodes of an inventory, workers last.
func MembersOf(c *inventory.Cluster) []Member {
	out := make([]Member, 0, len(c.Nodes)+len(c.Workers))
	for _, n := range slices.Concat(c.Nodes, c.Workers) {
		role := ControlPlane
		if n.Worker {
			role = Worker
		}
		out = append(out, Member{n.Name, role, n.Address, SSH{Host: n.SSH.Host, Port: n.SSH.Port, User: n.SSH.User, Jump: n.SSH.ProxyJump}})
	}
	return out
}

// Node is the member as a node of an inventory whose nodes share how they are logged in to.
// The keys that log in are the operator's own, and in no record.
func (m Member) Node(shared inventory.SSH) inventory.Node {
	ssh := inventory.SSH{Host: m.SSH.Host, User: m.SSH.User, Port: m.SSH.Port, ProxyJump: m.SSH.Jump, IdentityFiles: shared.IdentityFiles}
	if ssh.Host == "" {
		ssh.Host = m.Address.String()
	}
	return inventory.Node{Name: m.Name, Worker: m.Role == Worker, Address: m.Address, SSH: ssh}
}

// IsOf says whether a record is of the cluster of an inventory, apart from its name:
// the nodes that both have are the majority of the control plane of one of them. One
// node that two clusters have in common does not make them one.
func (r *Record) IsOf(c *inventory.Cluster) bool {
	recorded, common := 0, 0
	for _, m := range r.Members {
		if m.Role != ControlPlane {
			continue
		}
		recorded++
		if slices.ContainsFunc(c.Nodes, func(n inventory.Node) bool { return n.Name == m.Name || n.Address == m.Address }) {
			common++
		}
	}
	return common > recorded/2 || common > len(c.Nodes)/2
}
