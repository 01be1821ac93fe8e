package cmd

import (
	"github.com/spf13/cobra"

	"github.com/kplb/kplb/render"
)

func newExport(s streams, set *settings) *cobra.Command {
	c := &cobra.Command{
		Use:   "export",
		Short: "Export monitoring rules and dashboards",
		Long: `Writes files for other programs, made for the cluster of the inventory: for now those
of Prometheus and Grafana, see kplb export metrics --help.`,
		Example: `  kplb export metrics -i cluster.yaml -o monitoring/`,
		Args:    unknownCommand,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newExportMetrics(s, set))
	for _, sub := range c.Commands() {
		sub.Args = usageArgs(sub.Args)
	}
	return c
}

const exportMetricsLong = `Writes ` + render.AlertsName + `, rules for Prometheus, and ` + render.DashboardName + `, a dashboard
for Grafana, made for the cluster of the inventory: its name, its VIPs, how many nodes it
has and how many apiservers etcd needs. No node is asked.

The rules warn of a VIP that no node has, or two have; of apiservers below the quorum, or
missing; of VIPs that move often; of nodes that cannot take the VIP; of drift, changes that
nobody confirmed or that were taken back, and certificates that expire. What they look at
comes from HAProxy (haproxy_*) and from node_exporter's textfile collector (kplb_*), once
the inventory has a block metrics: see examples/metrics.yaml. promtool checks them:

  promtool check rules ` + render.AlertsName + `

Name the file under rule_files in prometheus.yml, and import the dashboard into Grafana.`

func newExportMetrics(s streams, set *settings) *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "metrics",
		Short: "Write alert rules for Prometheus and a dashboard for Grafana",
		Long:  exportMetricsLong,
		Example: `  kplb export metrics -i cluster.yaml
  kplb export metrics -i cluster.yaml -o monitoring/`,
		RunE: func(*cobra.Command, []string) error { return s.exportMetrics(set, dir) },
	}
	c.Flags().StringVarP(&dir, "output", "o", "", "write the files into this `DIR`; otherwise they are printed")
	return c
}

func (s streams) exportMetrics(set *settings, dir string) error {
	cluster, err := s.loadCluster(set)
	if err != nil {
		return err
	}
	t, err := loadTemplates(set)
	if err != nil {
		return err
	}
	tree, err := t.Metrics(cluster)
	if err != nil {
		return &usageError{err}
	}
	if cluster.Metrics == nil {
		s.say("the inventory has no metrics: the nodes have HAProxy's on 127.0.0.1:%d alone, and no kplb.prom; see examples/metrics.yaml", cluster.HAProxy.MonitorPort)
	}
	if dir == "" {
		return s.printTree(tree)
	}
	if err := tree.Write(dir); err != nil {
		return err
	}
	s.say("%s and %s written into %s", render.AlertsName, render.DashboardName, dir)
	return nil
}
