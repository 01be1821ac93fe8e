package inventory

import "hash/fnv"

// What stands in an inventory that leaves everything out. Why these values:
// docs has the measurements.
const (
	defaultPort        = 6443
	defaultVersion     = 3
	defaultBalance     = "leastconn"
	defaultMaxConn     = 4096
	defaultMonitorPort = 8404
	defaultOtherPort   = 8443 // of HAProxy, where the apiservers' own is not HAProxy's
	defaultPeersPort   = 8405 // beside it, above the ports of root and of 1024, and below NodePorts and outgoing connections
	highestPriority    = 250  // of the first node; the higher they are, the less a node waits before it takes over (RFC 5798, skew)
	priorityStep       = 10   // 15 nodes end at 110
)

// defaultRouterID derives a virtual router ID from the cluster's name, so that
// two clusters on one network seldom have the same. It is never 51: that one is
// in every example, and so in use.
func defaultRouterID(name string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	id := 1 + int(h.Sum32()%254)
	if id >= 51 {
		id++
	}
	return id
}

// fillPriorities gives every node that has none the highest of 250, 240, 230
// and so on that no node has.
func fillPriorities(nodes []Node) {
	used := map[int]bool{}
	for _, n := range nodes {
		used[n.Priority] = true
	}
	next := highestPriority
	for i := range nodes {
		if nodes[i].Priority != 0 {
			continue
		}
		for used[next] {
			next -= priorityStep
		}
		nodes[i].Priority = next
		used[next] = true
	}
}
