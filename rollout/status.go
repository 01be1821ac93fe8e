package rollout

import (
	"context"
	"errors"
)

// NodeStatus is a node at a glance.
type NodeStatus struct {
	Node       string   `json:"node"`
	Worker     bool     `json:"worker,omitempty"`
	Holder     bool     `json:"holdsVIP"`
	HAProxy    string   `json:"haproxy"` // systemd's word
	Keepalived string   `json:"keepalived"`
	ServersUp  int      `json:"serversUp"`
	Servers    int      `json:"servers"`
	Generation string   `json:"generation"`
	Drift      []string `json:"drift,omitempty"`    // files that differ from the inventory
	Refused    []string `json:"refused,omitempty"`  // what keeps an apply from starting
	Pending    string   `json:"pending,omitempty"`  // whose change waits to be confirmed
	Restored   string   `json:"restored,omitempty"` // the change that the node took back by itself
	VIPs       []string `json:"vips,omitempty"`     // that it holds, where the cluster has several
	Balancer   bool     `json:"balancer,omitempty"` // of a worker: it is to have one
}

// AsPlanned says whether nothing is to be done on the node.
func (s NodeStatus) AsPlanned() bool {
	return len(s.Drift) == 0 && len(s.Refused) == 0 && s.Pending == "" &&
		(s.Worker && (!s.Balancer || s.HAProxy == "active") || s.HAProxy == "active" && s.Keepalived == "active")
}

// Status looks at all nodes, in one round trip each.
func (r *Rollout) Status(ctx context.Context) ([]NodeStatus, error) {
	facts, err := r.Inspect(ctx)
	if err != nil {
		return nil, err
	}
	r.expect = expectOf(facts)
	out := make([]NodeStatus, 0, len(r.Cluster.Nodes))
	for _, n := range r.everyone() {
		f := facts[n.Name]
		pending, _ := f.Pending()
		s := NodeStatus{
			Node: n.Name, Worker: n.Worker, Holder: f.holdsAny(r.Cluster.VIPs), Servers: len(f.Servers), Generation: f.Generation(),
			HAProxy: f.Units["haproxy.service"].Active, Keepalived: f.Units["keepalived.service"].Active,
			Pending: pending.About, Restored: f.Restored(), Balancer: n.Worker && r.Cluster.WorkerBalancer != nil,
		}
		for _, vip := range r.Cluster.VIPs {
			if len(r.Cluster.VIPs) > 1 && f.Holds(vip) {
				s.VIPs = append(s.VIPs, vip.String())
			}
		}
		for _, server := range f.Servers {
			if server.Up() {
				s.ServersUp++
			}
		}
		for _, refusal := range refusals(r.Cluster, n, f) {
			s.Refused = append(s.Refused, refusal.What)
		}
		if p, err := r.planMember(ctx, n, f); err == nil {
			for _, c := range p.Files() {
				s.Drift = append(s.Drift, c.Path)
			}
		} else {
			s.Refused = append(s.Refused, whatOf(err)...)
		}
		out = append(out, s)
	}
	return out, nil
}

// whatOf is what is wrong with a node that is named already.
func whatOf(err error) []string {
	var refused *RefusedError
	if !errors.As(err, &refused) {
		return []string{err.Error()}
	}
	out := make([]string, len(refused.Refusals))
	for i, r := range refused.Refusals {
		out[i] = r.What
	}
	return out
}
