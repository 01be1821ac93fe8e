// Package drill measures what the clients of a VIP notice while a node is
// broken on purpose, and shows it: what was sampled, who held the VIP, the
// numbers, and how they compare with earlier ones. It breaks nothing itself,
// and knows nothing of nodes beyond their names.
package drill

import "slices"

// Fault is one way to break a node.
type Fault struct {
	Name  string // lower case, with hyphens
	Title string // the same for people, at the start of a sentence
	Does  string // to the node, in the words of whoever would do it by hand
	Mends string // how the node is put back, likewise

	// Cuts says that nobody reaches the node while it lasts: the node puts
	// itself back.
	Cuts bool
	// Off says that a person has to power the node on.
	Off bool
}

var faults = []Fault{
	{Name: "haproxy-stopped", Title: "HAProxy stopped", Does: "systemctl stop haproxy", Mends: "systemctl start haproxy"},
	{Name: "haproxy-killed", Title: "HAProxy killed", Does: "SIGKILL to all of haproxy.service", Mends: "systemd starts it again; systemctl start haproxy"},
	{Name: "haproxy-frozen", Title: "HAProxy frozen", Does: "SIGSTOP to all of haproxy.service", Mends: "SIGCONT"},
	{Name: "keepalived-stopped", Title: "keepalived stopped", Does: "systemctl stop keepalived", Mends: "systemctl start keepalived"},
	{Name: "keepalived-killed", Title: "keepalived killed", Does: "SIGKILL to all of keepalived.service", Mends: "systemd starts it again; systemctl start keepalived"},
	{Name: "keepalived-frozen", Title: "keepalived frozen", Does: "SIGSTOP to all of keepalived.service", Mends: "systemd's watchdog, or SIGCONT"},
	{Name: "link-down", Title: "Link down", Does: "ip link set down, of the VIP's interface", Mends: "the node by itself: ip link set up, addresses and routes as they were", Cuts: true},
	{Name: "node-off", Title: "Node off", Does: "power off at once, without a shutdown", Mends: "you power it on", Cuts: true, Off: true},
	{Name: "apiserver-frozen", Title: "Apiserver frozen", Does: "SIGSTOP to kube-apiserver", Mends: "SIGCONT"},
	{Name: "apiserver-cut", Title: "Apiserver cut off", Does: "nftables drops what comes for its address and port", Mends: "the table goes"},
}

// Faults are all there are, in the order in which they are tried.
func Faults() []Fault { return slices.Clone(faults) }

// Named finds a fault by its name.
func Named(name string) (Fault, bool) {
	i := slices.IndexFunc(faults, func(f Fault) bool { return f.Name == name })
	if i < 0 {
		return Fault{}, false
	}
	return faults[i], true
}
