package plan

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/refusal"
)

// Certificate is a new serving certificate for an apiserver: kubeadm issues it on the
// node, or it comes from a generation of the node.
type Certificate struct {
	Names      []string // missing in the current certificate
	Config     []byte   // kubeadm's configuration, from which it is issued; nil: it is copied from Generation
	Generation int
	Before     node.Sum // of the current certificate
	Mode       fs.FileMode
	Owner      node.Owner
}

// missingNames are the names that clients use and that the certificate lacks.
func missingNames(c *inventory.Cluster, certificate []byte) []string {
	var out []string
	for _, name := range c.ClientNames() {
		if !kubeadm.Covers(certificate, name) {
			out = append(out, name)
		}
	}
	return out
}

// planCertificate plans to reissue the certificate if a VIP or the DNS name is missing
// in it. All names that it has stay.
func (b *builder) planCertificate(configuration []byte) error {
	c, f := b.cluster, b.facts
	l := f.Distribution.Layout()
	now, there := f.Files[l.Certificate]
	if !there { // the proof reads the one that the apiserver presents
		return nil
	}
	missing := missingNames(c, now.Content)
	if len(missing) == 0 {
		return nil
	}
	lacks := "the apiserver's certificate is not for " + strings.Join(missing, " and ")
	refuse := func(hint string) error {
		return &refusal.Error{Refusals: []refusal.Refusal{{Node: b.Node.Name, What: lacks, Hint: hint}}}
	}
	if c.Certificates != inventory.Manage {
		if c.Endpoint != inventory.Leave {
			return refuse("write certificates: manage into the inventory, or issue it yourself: clients that are moved to the VIP would not trust it")
		}
		b.note("%s: clients of that address reject it; write certificates: manage into the inventory to have it reissued", lacks)
		return nil
	}
	if path, _, err := f.Distribution.Flag(f.Files[l.APIServerConfig].Content, distribution.APIServer, "tls-cert-file"); err != nil || path != l.Certificate {
		return refuse(fmt.Sprintf("issue it yourself: the apiserver uses %q, which is not kubeadm's", path))
	}
	names, addresses, err := kubeadm.SANs(now.Content)
	if err != nil {
		return refuse(fmt.Sprintf("look at %s: it %v", l.Certificate, err))
	}
	for _, a := range addresses {
		names = append(names, a.String())
	}
	config, err := f.Distribution.CertificateConfig(configuration, b.Node.Name, b.Node.Address, append(names, missing...))
	if err != nil {
		return refuse(fmt.Sprintf("look at ConfigMap kube-system/kubeadm-config: it %v", err))
	}
	b.Certificate = &Certificate{Names: missing, Config: config, Before: node.SumOf(now.Content), Mode: now.Mode, Owner: node.Owner{UID: now.UID, GID: now.GID}}
	return nil
}

func (c *Certificate) String() string {
	if c.Config == nil {
		return "certificate of the apiserver: the earlier one, loaded without a restart"
	}
	return "certificate of the apiserver: issued anew, also for " + strings.Join(c.Names, " and ") + ", loaded without a restart"
}

// IssuesCertificates says whether a plan for ToInventory issues certificates, for
// which it needs kubeadm's ClusterConfiguration.
func IssuesCertificates(in Input) bool {
	return in.Cluster.Certificates == inventory.Manage && slices.ContainsFunc(in.Nodes, func(n inventory.Node) bool {
		f := in.Facts[n.Name]
		return !n.Worker && len(missingNames(in.Cluster, f.Files[f.Distribution.Layout().Certificate].Content)) > 0
	})
}
