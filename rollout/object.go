package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// Object is a change of one of the cluster's own records. It is made after
// everything else is confirmed: nodes that join or are upgraded read it.
type Object struct {
	Name string // namespace/name
	Diff string // unified
	Hint string // what is left to a person
	now  *configMap
}

// clusterRecord is a ConfigMap in which a cluster that kubeadm made names its
// apiservers.
type clusterRecord struct {
	namespace, name, key, hint string
	// edit brings the text to what the inventory says; what was there is
	// remembered with the object from now on, nil: nothing.
	edit func(c *inventory.Cluster, m *configMap, ca, text []byte) (edited []byte, was any, err error)
	// back undoes edit.
	back func(m *configMap, ca, text []byte) ([]byte, error)
}

var clusterRecords = []clusterRecord{
	{"kube-system", "kubeadm-config", "ClusterConfiguration", "", editClusterConfiguration, clusterConfigurationBack},
	{"kube-public", "cluster-info", "kubeconfig", "", editServers, serversBack},
	{"kube-system", "kube-proxy", "kubeconfig.conf",
		"kube-proxy reads it when it starts: kubectl -n kube-system rollout restart daemonset kube-proxy", editServers, serversBack},
}

// addObjects plans the cluster's own records. Where nothing but a flag for
// kubeadm to remember is in them, the nodes do without: what is in the way is a
// note.
func (r *Rollout) addObjects(ctx context.Context, p *Plan) error {
	var err error
	p.Objects, err = r.planObjects(ctx, p.away)
	var refused *RefusedError
	if err != nil && !moves(r.Cluster) && !errors.As(err, &refused) && ctx.Err() == nil {
		p.note("kubeadm-config is left alone, and a `kubeadm upgrade` may undo the flag of exposure shared-port: %v", err)
		return nil
	}
	return err
}

// planObjects compares the records with the inventory, or with what was there
// before kplb.
func (r *Rollout) planObjects(ctx context.Context, away bool) ([]Object, error) {
	if !away && !r.managed() {
		return nil, nil
	}
	a, err := r.api(ctx)
	if err != nil {
		return nil, err
	}
	defer a.close()
	ca := r.CA()
	var out []Object
	for _, record := range clusterRecords {
		m, err := a.configMap(ctx, record.namespace, record.name)
		if errors.Is(err, errNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("ConfigMap %s/%s: %w", record.namespace, record.name, err)
		}
		object, err := record.plan(r.Cluster, m, ca, away)
		if err != nil {
			cure := "bring it to the form that kubeadm writes"
			if moves(r.Cluster) {
				cure += ", or leave endpoint and certificates to yourself"
			}
			return nil, &RefusedError{[]Refusal{{
				Node: r.Cluster.Name, What: fmt.Sprintf("ConfigMap %s/%s %v", record.namespace, record.name, err), Cure: cure,
			}}}
		}
		if object != nil {
			out = append(out, *object)
		}
	}
	return out, nil
}

// managed says whether kplb looks after the cluster's own records, or may have
// done so in an earlier apply, with a flag that is still on a node.
func (r *Rollout) managed() bool {
	return moves(r.Cluster) || len(apiserverFlags(r.Cluster)) > 0 || slices.ContainsFunc(r.present(), r.flagged)
}

// moves says whether clients are to use the VIP, and the certificates to have it.
func moves(c *inventory.Cluster) bool {
	return c.Endpoint != inventory.Leave || c.Certificates != inventory.Leave
}

// moved says whether a way back moves kubeconfigs, or a certificate: the
// records were moved with them.
func moved(p NodePlan) bool {
	return p.Certificate != nil || slices.ContainsFunc(p.Changes, func(c Change) bool { return c.hide != nil })
}

func (k clusterRecord) plan(c *inventory.Cluster, m *configMap, ca []byte, away bool) (*Object, error) {
	text, ok := m.get(k.key)
	if !ok {
		return nil, nil
	}
	var now *configMap
	if away {
		edited, err := k.back(m, ca, []byte(text))
		if err != nil || edited == nil {
			return nil, err
		}
		now = m.with(k.key, string(edited)).remember(nil)
	} else {
		edited, was, err := k.edit(c, m, ca, []byte(text))
		if err != nil {
			return nil, err
		}
		now = m.with(k.key, string(edited)).remember(was)
	}
	after, _ := now.get(k.key)
	if after == text {
		return nil, nil
	}
	name := k.namespace + "/" + k.name
	diff := render.Diff("in "+name, kubeadm.Hide([]byte(text)), "planned", kubeadm.Hide([]byte(after)))
	return &Object{Name: name, Diff: remote.Clean(string(diff)), Hint: k.hint, now: now}, nil
}

// sans are the names that clients find the apiservers by.
func sans(c *inventory.Cluster) []string {
	var out []string
	for _, vip := range c.VIPs {
		out = append(out, vip.String())
	}
	if c.DNSName != "" {
		out = append(out, c.DNSName)
	}
	return out
}

// editServers keeps the whole text of before: nobody but kubeadm writes it.
func editServers(c *inventory.Cluster, m *configMap, ca, text []byte) ([]byte, any, error) {
	if c.Endpoint == inventory.Leave {
		return text, nil, nil
	}
	was := string(text)
	m.replaced(&was) // what was there before the first edit counts
	edited, err := kubeadm.SetEndpoint(text, ca, c.EndpointURL())
	return edited, was, err
}

func serversBack(m *configMap, ca, text []byte) ([]byte, error) {
	var was string
	if !m.replaced(&was) {
		return nil, nil
	}
	return kubeadm.EndpointsLikeIn(text, []byte(was), ca)
}

// CA is the cluster's authority as the nodes that were inspected have it, in
// PEM.
func (r *Rollout) CA() []byte {
	for _, n := range r.present() {
		if f := r.facts[n.Name]; f != nil && len(f.Files[caPath].Content) > 0 {
			return f.Files[caPath].Content
		}
	}
	return nil
}

// writeObjects changes the records.
func (r *Rollout) writeObjects(ctx context.Context, objects []Object) error {
	if len(objects) == 0 {
		return nil
	}
	a, err := r.api(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	for _, o := range objects {
		err := r.step(Event{Step: "writing ConfigMap " + o.Name}, func() error { return a.replace(ctx, o.now) })
		if err != nil {
			return fmt.Errorf("ConfigMap %s: %w", o.Name, err)
		}
	}
	return nil
}
