package cmd

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/render"
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
	output, check         string
	haproxy, keepalived   string
	haproxyV, keepalivedV render.Version
}

func newRender(s streams, set *settings) *cobra.Command {
	var o renderOptions
	c := &cobra.Command{
		Use:   "render",
		Short: "Print or write the files of every node",
		Long:  renderLong,
		Example: `  kplb render -i cluster.yaml
  kplb render -i cluster.yaml -o rendered/
  kplb render -i cluster.yaml --check rendered/`,
		RunE: func(*cobra.Command, []string) error { return s.render(set, o) },
	}
	f := c.Flags()
	f.StringVarP(&o.output, "output", "o", "", "write the files below this `DIR`")
	f.StringVar(&o.check, "check", "", "compare with the files below this `DIR`; exit 1 where they differ")
	f.StringVar(&o.haproxy, "haproxy", render.DefaultHAProxy.String(), "render for this `VERSION` of HAProxy")
	f.StringVar(&o.keepalived, "keepalived", render.DefaultKeepalived.String(), "render for this `VERSION` of keepalived")
	return c
}

func (s streams) render(set *settings, o renderOptions) error {
	if o.output != "" && o.check != "" {
		return &usageError{errors.New("--output and --check exclude each other: one writes, the other compares")}
	}
	var errH, errK error
	o.haproxyV, errH = render.ParseVersion(o.haproxy)
	o.keepalivedV, errK = render.ParseVersion(o.keepalived)
	if err := errors.Join(errH, errK); err != nil {
		return &usageError{err}
	}
	if o.haproxyV.Before(render.MinHAProxy) || o.keepalivedV.Before(render.MinKeepalived) {
		return &usageError{fmt.Errorf("the templates are for HAProxy from %s and keepalived from %s", render.MinHAProxy, render.MinKeepalived)}
	}
	cluster, err := s.loadCluster(set)
	if err != nil {
		return err
	}
	t, err := loadTemplates(set)
	if err != nil {
		return err
	}
	tree, err := t.Cluster(cluster, o.facts(cluster))
	if err != nil {
		return &usageError{err}
	}
	speakers, err := readSpeakers(cluster, tree)
	if err == nil {
		err = vrrp.Sound(cluster, speakers)
	}
	if err != nil {
		return &usageError{err}
	}
	if err := tree.ReadBack(cluster, o.facts(cluster)); err != nil {
		return &usageError{err}
	}
	switch {
	case o.check != "":
		return s.checkTree(tree, o.check)
	case o.output != "":
		if err := tree.Write(o.output); err != nil {
			return err
		}
		nodes := len(cluster.Nodes)
		if cluster.WorkerBalancer != nil {
			nodes += len(cluster.Workers)
		}
		s.say("%d files of %d nodes written below %s", len(tree), nodes, o.output)
		return nil
	default:
		return s.printTree(tree)
	}
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

func (s streams) checkTree(tree render.Tree, dir string) error {
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

func (s streams) printTree(tree render.Tree) error {
	for i, p := range tree.Paths() {
		sep := "\n"
		if i == 0 {
			sep = ""
		}
		if _, err := fmt.Fprintf(s.out, "%s==> %s <==\n%s", sep, p, tree[p].Content); err != nil {
			return err
		}
	}
	return nil
}
