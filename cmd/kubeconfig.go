package cmd

import (
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/report"
	"github.com/kplb/kplb/workstation"
)

// kubeconfigs are those on this machine; what becomes of them is said on stderr.
func kubeconfigs(s *streams) workstation.Kubeconfigs {
	return workstation.Kubeconfigs{Say: s.say, Paint: func(diff string) string { return report.Paint(s.colored(s.err), diff) }}
}

// moveLocal has kubectl on this machine go through the VIP.
func moveLocal(s *streams, c *inventory.Cluster, ca []byte) error { return kubeconfigs(s).Move(c, ca) }

// moveLocalBack has it go where it went before.
func moveLocalBack(s *streams, c *inventory.Cluster, ca []byte) error {
	return kubeconfigs(s).MoveBack(c, ca)
}
