package cmd

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/report"
	"github.com/kplb/kplb/vrrp"
)

const renderLong = `Renders the files of every node from the inventory, without asking any node.

Printed to stdout, or written below a directory as DIR/NODE/PATH-ON-THE-NODE. The
same inventory gives the same bytes every time. Secrets are placeholders: only the
nodes get their values. What the inventory leaves to the nodes is assumed:
interface ` + render.DefaultInterface + `, HAProxy and keepalived of Debian 12; apply asks each node.

With --check, the directory is compared instead, and a unified diff is printed
where it differs: keep the directory in git and let CI run this.`

type renderOptions struct {
	command
	output, check         string
	haproxy, keepalived   string
	haproxyV, keepalivedV render.Version
}

func newRender(base command) *cobra.Command {
	o := renderOptions{command: base}
	c := &cobra.Command{
		Use:   "render",
		Short: "Print or write the files of every node",
		Long:  renderLong,
		Example: `  kplb render -i cluster.yaml
  kplb render -i cluster.yaml -o rendered/
  kplb render -i cluster.yaml --check rendered/`,
		RunE: func(*cobra.Command, []string) error { return o.run() },
	}
	f := c.Flags()
	f.StringVarP(&o.output, "output", "o", "", "write the files below this `DIR`")
	f.StringVar(&o.check, "check", "", "compare with the files below this `DIR`; exit 1 where they differ")
	f.StringVar(&o.haproxy, "haproxy", render.DefaultHAProxy.String(), "render for this `VERSION` of HAProxy")
	f.StringVar(&o.keepalived, "keepalived", render.DefaultKeepalived.String(), "render for this `VERSION` of keepalived")
	return c
}

func (o renderOptions) run() error {
	if err := o.readVersions(); err != nil {
		return &usageError{err}
	}
	cluster, err := o.set.loadCluster()
	if err != nil {
		return err
	}
	t, err := o.set.loadTemplates()
	if err != nil {
		return err
	}
	tree, err := o.tree(t, cluster)
	if err != nil {
		return &usageError{err}
	}
	switch {
	case o.check != "":
		return checkTree(o.streams, tree, o.check)
	case o.output != "":
		if err := tree.Write(o.output); err != nil {
			return err
		}
		nodes := len(cluster.Nodes)
		if cluster.WorkerBalancer != nil {
			nodes += len(cluster.Workers)
		}
		o.say("%d files of %d nodes written below %s", len(tree), nodes, o.output)
		return nil
	default:
		return report.WriteTree(o.out, tree)
	}
}

// readVersions reads the versions that are rendered for, and refuses what cannot be
// meant.
func (o *renderOptions) readVersions() error {
	if o.output != "" && o.check != "" {
		return errors.New("--output and --check exclude each other: one writes, the other compares")
	}
	var errH, errK error
	o.haproxyV, errH = render.ParseVersion(o.haproxy)
	o.keepalivedV, errK = render.ParseVersion(o.keepalived)
	if err := errors.Join(errH, errK); err != nil {
		return err
	}
	if o.haproxyV.Before(render.MinHAProxy) || o.keepalivedV.Before(render.MinKeepalived) {
		return fmt.Errorf("the templates are for HAProxy from %s and keepalived from %s", render.MinHAProxy, render.MinKeepalived)
	}
	return nil
}

// tree renders the files of every node, and refuses those with which the cluster
// would not work.
func (o renderOptions) tree(t *render.Templates, cluster *inventory.Cluster) (render.Tree, error) {
	tree, err := t.Cluster(cluster, o.facts(cluster))
	if err != nil {
		return nil, err
	}
	speakers, err := readSpeakers(cluster, tree)
	if err == nil {
		err = vrrp.Sound(cluster, speakers)
	}
	if err == nil {
		err = tree.ReadBack(cluster, o.facts(cluster))
	}
	return tree, err
}

func (o renderOptions) facts(c *inventory.Cluster) map[string]render.Facts {
	facts := map[string]render.Facts{}
	for _, n := range slices.Concat(c.Nodes, c.Workers) {
		f := render.DefaultFacts(n)
		f.HAProxy, f.Keepalived = o.haproxyV, o.keepalivedV
		facts[n.Name] = f
	}
	return facts
}

func checkTree(s *streams, tree render.Tree, dir string) error {
	diff, err := tree.Check(dir)
	if err != nil {
		return &usageError{fmt.Errorf("check: %w", err)}
	}
	if len(diff) == 0 {
		s.say("%s is as rendered: %d files", dir, len(tree))
		return nil
	}
	if _, err := s.out.Write(diff); err != nil {
		return err
	}
	return &noError{fmt.Sprintf("%s differs from what is rendered; `kplb render -o %s` writes it anew, and deletes nothing", dir, dir)}
}
