package plan

import "github.com/kplb/kplb/apiserver"

// ConfigMapChange is a change of one of kubeadm's ConfigMaps. It is written after
// the nodes have confirmed: nodes that join or are upgraded later read it.
type ConfigMapChange struct {
	apiserver.ConfigMapChange
	Diff string // unified
}
