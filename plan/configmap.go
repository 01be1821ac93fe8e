package plan

import "github.com/kplb/kplb/apiserver"

// ConfigMapChange is a change of one of the cluster's own ConfigMaps. It is made
// after everything else is confirmed: nodes that join or are upgraded read it.
type ConfigMapChange struct {
	apiserver.ConfigMapChange
	Diff string // unified
}
