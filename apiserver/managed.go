package apiserver

import (
	"context"
	"errors"
	"fmt"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
)

// ConfigMapChange is a change of one of the ConfigMaps in which a cluster that
// kubeadm made names its apiservers. Nodes that join or are upgraded read them.
type ConfigMapChange struct {
	Name          string // NAMESPACE/NAME
	Before, After []byte // the value that changes, without secrets
	Hint          string // what is left to a person; may be empty
	next          *configMap
}

// ConfigMapError says that a ConfigMap is not as kubeadm writes it.
type ConfigMapError struct {
	Name string // NAMESPACE/NAME
	Err  error
}

func (e *ConfigMapError) Error() string { return fmt.Sprintf("ConfigMap %s %v", e.Name, e.Err) }

func (e *ConfigMapError) Unwrap() error { return e.Err }

// managedConfigMap is a ConfigMap in which a cluster that kubeadm made names its
// apiservers.
type managedConfigMap struct {
	namespace, name, key, hint string
	// edit changes the text to what the inventory says, and returns what the
	// ConfigMap has to remember of before; nil: nothing.
	edit func(c *inventory.Cluster, m *configMap, ca, text []byte) (edited []byte, was any, err error)
	// restore undoes edit. It returns nil where nothing is remembered.
	restore func(m *configMap, ca, text []byte) ([]byte, error)
}

var managedConfigMaps = []managedConfigMap{
	{"kube-system", "kubeadm-config", "ClusterConfiguration", "", editClusterConfiguration, restoreClusterConfiguration},
	{"kube-public", "cluster-info", "kubeconfig", "", editServers, restoreServers},
	{"kube-system", "kube-proxy", "kubeconfig.conf",
		"kube-proxy reads it when it starts: kubectl -n kube-system rollout restart daemonset kube-proxy", editServers, restoreServers},
}

// ManagesConfigMaps says whether the inventory has something to say in them.
func ManagesConfigMaps(c *inventory.Cluster) bool {
	return c.MovesClients() || len(apiserverFlags(c)) > 0
}

// PlanConfigMaps compares them with the inventory, or with what was there before
// kplb, where that is to be uninstalled. ca is the cluster's CA, in PEM. A
// ConfigMap that is not there is left out. Its error is a *ConfigMapError where one
// cannot be edited.
func (c *Client) PlanConfigMaps(ctx context.Context, cluster *inventory.Cluster, ca []byte, uninstall bool) ([]ConfigMapChange, error) {
	var out []ConfigMapChange
	for _, managed := range managedConfigMaps {
		name := managed.namespace + "/" + managed.name
		m, err := c.configMap(ctx, managed.namespace, managed.name)
		if errors.Is(err, errNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("ConfigMap %s: %w", name, err)
		}
		change, err := managed.plan(cluster, m, ca, uninstall)
		if err != nil {
			return nil, &ConfigMapError{name, err}
		}
		if change != nil {
			out = append(out, *change)
		}
	}
	return out, nil
}

// Write carries a change out. It fails where somebody else has changed the
// ConfigMap since it was planned.
func (c *Client) Write(ctx context.Context, change ConfigMapChange) error {
	if err := c.replace(ctx, change.next); err != nil {
		return fmt.Errorf("ConfigMap %s: %w", change.Name, err)
	}
	return nil
}

func (k managedConfigMap) plan(c *inventory.Cluster, m *configMap, ca []byte, uninstall bool) (*ConfigMapChange, error) {
	text, ok := m.get(k.key)
	if !ok {
		return nil, nil
	}
	var next *configMap
	if uninstall {
		edited, err := k.restore(m, ca, []byte(text))
		if err != nil || edited == nil {
			return nil, err
		}
		next = m.with(k.key, string(edited)).remember(nil)
	} else {
		edited, was, err := k.edit(c, m, ca, []byte(text))
		if err != nil {
			return nil, err
		}
		next = m.with(k.key, string(edited)).remember(was)
	}
	after, _ := next.get(k.key)
	if after == text {
		return nil, nil
	}
	return &ConfigMapChange{
		Name: k.namespace + "/" + k.name, Before: kubeadm.Hide([]byte(text)), After: kubeadm.Hide([]byte(after)), Hint: k.hint, next: next,
	}, nil
}

// editServers has the whole text of before remembered: nobody but kubeadm writes
// it.
func editServers(c *inventory.Cluster, m *configMap, ca, text []byte) ([]byte, any, error) {
	if c.Endpoint == inventory.Leave {
		return text, nil, nil
	}
	was := string(text)
	m.replaced(&was) // what was there before the first edit counts
	edited, err := kubeadm.SetEndpoint(text, ca, c.EndpointURL())
	return edited, was, err
}

func restoreServers(m *configMap, ca, text []byte) ([]byte, error) {
	var was string
	if !m.replaced(&was) {
		return nil, nil
	}
	return kubeadm.EndpointsLikeIn(text, []byte(was), ca)
}
