package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
)

const trustLong = `Fetches the SSH host key of every node and shows its fingerprint. Keys that are
not known yet are recorded in known_hosts after you have said yes; compare them first with
what ` + "`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`" + ` says on the node's own console.

A key that differs from a recorded one is never replaced: the line to remove is named.`

type trustOptions struct {
	command
	yes bool
}

func newTrust(base command) *cobra.Command {
	o := trustOptions{command: base}
	c := &cobra.Command{
		Use:     "trust",
		Short:   "Record the SSH host keys of the nodes",
		Long:    trustLong,
		Example: `  kplb trust -i cluster.yaml`,
		RunE:    func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	c.Flags().BoolVarP(&o.yes, "yes", "y", false, "record without asking")
	o.set.AddSSHFlags(c.Flags())
	return c
}

func (o trustOptions) run(ctx context.Context) error {
	cluster, err := o.set.loadCluster()
	if err != nil {
		return err
	}
	unknown, err := o.scan(ctx, slices.Concat(cluster.Nodes, cluster.Workers))
	if err != nil || len(unknown) == 0 {
		return err
	}
	files, keys := byFile(unknown)
	for _, file := range files {
		if err := remote.CanRecord(file); err != nil {
			return fmt.Errorf("%w; name a file: --known-hosts FILE, with the same FILE from then on", err)
		}
	}
	if !o.yes {
		question := fmt.Sprintf("Record %d keys in %s?", len(unknown), strings.Join(files, ", "))
		if err := o.confirm(ctx, question); err != nil {
			return err
		}
	}
	for _, file := range files {
		if err := remote.Trust(file, keys[file]...); err != nil {
			return err
		}
		o.say("%d keys recorded in %s", len(keys[file]), file)
	}
	return nil
}

// byFile are keys by the file that each belongs into: ssh_config may name one for
// each node.
func byFile(unknown []remote.HostKey) (files []string, keys map[string][]remote.HostKey) {
	keys = map[string][]remote.HostKey{}
	for _, key := range unknown {
		if keys[key.File] == nil {
			files = append(files, key.File)
		}
		keys[key.File] = append(keys[key.File], key)
	}
	return files, keys
}

// scan prints the key of every node, and returns those that are not known yet.
func (o trustOptions) scan(ctx context.Context, nodes []inventory.Node) ([]remote.HostKey, error) {
	var unknown []remote.HostKey
	var errs []error
	for _, n := range nodes {
		key, err := remote.ScanHostKey(ctx, target(o.set, n), o.remoteOptions())
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if _, err := fmt.Fprintf(o.out, "%s\t%s\t%s\t%s\t%s\n", n.Name, key.Host, key.Type, key.Fingerprint, key.State); err != nil {
			return nil, err
		}
		switch key.State {
		case remote.KeyKnown:
		case remote.KeyUnknown:
			unknown = append(unknown, key)
		default:
			errs = append(errs, fmt.Errorf("%s: host key is %s", n.Name, key.State))
		}
	}
	return unknown, errors.Join(errs...)
}
