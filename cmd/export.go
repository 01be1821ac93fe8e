package cmd

import (
	"github.com/spf13/cobra"

	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/report"
)

func newExport(base command) *cobra.Command {
	c := &cobra.Command{
		Use:   "export",
		Short: "Export monitoring rules and dashboards",
		Long: `Writes files for other programs, made for the cluster of the inventory: for now those
of Prometheus and Grafana, see kplb export metrics --help.`,
		Example: `  kplb export metrics -i cluster.yaml -o monitoring/`,
		Args:    unknownCommand,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newExportMetrics(base))
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

type exportOptions struct {
	command
	dir string
}

func newExportMetrics(base command) *cobra.Command {
	o := exportOptions{command: base}
	c := &cobra.Command{
		Use:   "metrics",
		Short: "Write alert rules for Prometheus and a dashboard for Grafana",
		Long:  exportMetricsLong,
		Example: `  kplb export metrics -i cluster.yaml
  kplb export metrics -i cluster.yaml -o monitoring/`,
		RunE: func(*cobra.Command, []string) error { return o.run() },
	}
	c.Flags().StringVarP(&o.dir, "output", "o", "", "write the files into this `DIR`; otherwise they are printed")
	return c
}

func (o exportOptions) run() error {
	cluster, err := o.set.loadCluster()
	if err != nil {
		return err
	}
	t, err := o.set.loadTemplates()
	if err != nil {
		return err
	}
	tree, err := t.Metrics(cluster)
	if err != nil {
		return &usageError{err}
	}
	if cluster.Metrics == nil {
		o.say("the inventory has no metrics: the nodes have HAProxy's on 127.0.0.1:%d alone, and no kplb.prom; see examples/metrics.yaml", cluster.HAProxy.MonitorPort)
	}
	if o.dir == "" {
		return report.WriteTree(o.out, tree)
	}
	if err := tree.Write(o.dir); err != nil {
		return err
	}
	o.say("%s and %s written into %s", render.AlertsName, render.DashboardName, o.dir)
	return nil
}
