// Package record has what a cluster's nodes know of their cluster: who they are, which
// generation they are at, and who made it of what. Each confirmation leaves a record
// beside the generation that it makes, the same one on every member; whose something is
// has its answer there, and nowhere else.
//
// A record is written by one version of kplb and read by others, from machines that are
// not trusted. The package guarantees:
//
//   - Parse takes nothing that Bytes would not write: what is unknown, too long or of
//     another type is an error, and never a guess.
//   - A record of a later format is a NewerError that says which kplb wrote it.
//   - A record has no secret: of the inventory it has the sources of secrets.
package record

import (
	"encoding/json"
	"net/netip"
	"strings"
	"time"
)

// Format is the newest format that this kplb reads, and the one that it writes.
const Format = 1

// MaxSize bounds a record, in bytes.
const MaxSize = 256 << 10

// Record is what a node knows of its cluster since a confirmation.
type Record struct {
	Format     int       `json:"format"`
	Version    string    `json:"kplb"` // that has written it
	Cluster    Cluster   `json:"cluster"`
	Generation int       `json:"generation"`   // of the cluster: one number on all members
	Of         *int      `json:"of,omitempty"` // the generation that was gone back to; nil: none
	By         string    `json:"by"`           // user@host
	Time       time.Time `json:"time"`         // by the operator's clock, UTC, in seconds
	Members    []Member  `json:"members"`      // the nodes of the inventory, workers last
	Changes    []Change  `json:"changes"`      // what this generation changed on nodes
	Inventory  string    `json:"inventory"`    // in its canonical form; empty: it is not known
}

// Cluster says which cluster it is.
type Cluster struct {
	ID   string `json:"id"` // 32 hexadecimal digits, made once
	Name string `json:"name"`
}

// Role is what a node is in its cluster.
type Role string

// The roles: a node of the control plane has an apiserver.
const (
	ControlPlane Role = "node"
	Worker       Role = "worker"
)

// Member is a node of the cluster, and how its operator logs in to it.
type Member struct {
	Name    string     `json:"name"`
	Role    Role       `json:"role"`
	Address netip.Addr `json:"address"`
	SSH     SSH        `json:"ssh"`
}

// SSH says how to log in; what is empty is left to ssh_config.
type SSH struct {
	Host string   `json:"host,omitempty"`
	Port uint16   `json:"port,omitempty"`
	User string   `json:"user,omitempty"`
	Jump []string `json:"jump,omitempty"` // hops, each [user@]host[:port]
}

// Change is what a generation changed on one node: the paths of files.
type Change struct {
	Node  string   `json:"node"`
	Files []string `json:"files"`
}

// Content is the number of the generation whose content this one has: its own, or
// the one that was gone back to.
func (r *Record) Content() int {
	if r.Of != nil {
		return *r.Of
	}
	return r.Generation
}

// Member finds a member by its name.
func (r *Record) Member(name string) (Member, bool) {
	for _, m := range r.Members {
		if m.Name == name {
			return m, true
		}
	}
	return Member{}, false
}

// Bytes is the record as nodes keep it.
func (r *Record) Bytes() []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(r); err != nil {
		panic(err) // every field has a form in JSON
	}
	return []byte(b.String())
}

// Same says whether two records are the same one, byte for byte.
func Same(a, b *Record) bool { return string(a.Bytes()) == string(b.Bytes()) }
