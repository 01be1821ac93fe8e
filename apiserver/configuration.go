package apiserver

import (
	"maps"
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
)

// apiserverFlags are the flags that the inventory asks of every apiserver, the
// same on all nodes: kubeadm has to know them, because it writes the manifests of
// nodes that join or are upgraded.
func apiserverFlags(c *inventory.Cluster) map[string]string {
	if c.Exposure == inventory.SharedPort {
		return map[string]string{kubeadm.SharingFlag: "true"}
	}
	return nil
}

// managedFlags are those that apiserverFlags may name.
var managedFlags = []string{kubeadm.SharingFlag}

// HasManagedFlag says whether the manifest of an apiserver has one of
// managedFlags: kubeadm may know it from an earlier apply.
func HasManagedFlag(manifest []byte) bool {
	m, err := kubeadm.ParseManifest(manifest)
	return err == nil && slices.ContainsFunc(managedFlags, func(name string) bool {
		_, ok := m.Flag(name)
		return ok
	})
}

func editClusterConfiguration(c *inventory.Cluster, m *configMap, _, text []byte) ([]byte, any, error) {
	e := kubeadm.ClusterEdit{Args: apiserverFlags(c)}
	if c.MovesClients() {
		e.SANs = c.ClientNames()
	}
	if c.Endpoint != inventory.Leave {
		e.Endpoint = c.EndpointAddress()
	}
	return editConfiguration(m, text, e)
}

// editConfiguration makes an edit, takes back the flags of earlier ones that it
// does not ask for any more, and returns what is to be remembered.
func editConfiguration(m *configMap, text []byte, e kubeadm.ClusterEdit) ([]byte, any, error) {
	var was kubeadm.ClusterBefore
	if !m.replaced(&was) {
		was = kubeadm.ClusterBefore{}
	}
	if e.Endpoint == "" && len(e.SANs)+len(e.Args)+len(was.Args) == 0 {
		return text, nil, nil
	}
	configuration, err := kubeadm.ParseCluster(text)
	if err != nil {
		return nil, nil, err
	}
	was = was.And(configuration.Before(e))
	unwanted := kubeadm.ClusterBefore{Args: maps.Clone(was.Args)}
	maps.DeleteFunc(unwanted.Args, func(name string, _ *string) bool { _, wanted := e.Args[name]; return wanted })
	maps.DeleteFunc(was.Args, func(name string, _ *string) bool { _, wanted := e.Args[name]; return !wanted })
	edited, err := kubeadm.ClusterLikeIn(text, unwanted)
	if err == nil {
		edited, err = kubeadm.EditCluster(edited, e)
	}
	if was.Endpoint == nil && len(was.AddedSANs) == 0 && len(was.Args) == 0 {
		return edited, nil, err
	}
	return edited, was, err
}

func restoreClusterConfiguration(m *configMap, _, text []byte) ([]byte, error) {
	var was kubeadm.ClusterBefore
	if !m.replaced(&was) {
		return nil, nil
	}
	return kubeadm.ClusterLikeIn(text, was)
}
