package rollout

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
)

// Certificate is how an apiserver gets another serving certificate: issued by
// kubeadm on its node, or from a generation that the node keeps.
type Certificate struct {
	Names  []string // that the one in place is not for
	config []byte   // for kubeadm; nil: the files of the generation
	from   int
	before node.Sum  // of the certificate in place
	like   node.File // its mode and owner
}

// missingNames are the names of clients that a certificate is not for.
func missingNames(c *inventory.Cluster, certificate []byte) []string {
	var out []string
	for _, name := range c.ClientNames() {
		if !kubeadm.Covers(certificate, name) {
			out = append(out, name)
		}
	}
	return out
}

// planCertificate has the certificate issued anew where the VIP or the DNS
// name is missing in it. Every name that it is for stays.
func (p *NodePlan) planCertificate(c *inventory.Cluster, f *node.Facts, configuration []byte) error {
	now, there := f.Files[kubeadm.CertificatePath]
	if !there { // where it is, the proof will see what it is for
		return nil
	}
	missing := missingNames(c, now.Content)
	if len(missing) == 0 {
		return nil
	}
	lacks := "the apiserver's certificate is not for " + strings.Join(missing, " and ")
	refuse := func(cure string) error { return &RefusedError{[]Refusal{{Node: p.Node.Name, What: lacks, Cure: cure}}} }
	if c.Certificates != inventory.Manage {
		if c.Endpoint != inventory.Leave {
			return refuse("write certificates: manage into the inventory, or issue it yourself: clients that are moved to the VIP would not trust it")
		}
		p.note("%s: clients that go there refuse it; certificates: manage in the inventory has it issued anew", lacks)
		return nil
	}
	if path, _, err := kubeadm.Flag(f.Files[kubeadm.ManifestPath].Content, node.APIServerProcess, "tls-cert-file"); err != nil || path != kubeadm.CertificatePath {
		return refuse(fmt.Sprintf("issue it yourself: the apiserver uses %q, which is not kubeadm's", path))
	}
	names, addresses, err := kubeadm.SANs(now.Content)
	if err != nil {
		return refuse(fmt.Sprintf("look at %s: it %v", kubeadm.CertificatePath, err))
	}
	for _, a := range addresses {
		names = append(names, a.String())
	}
	config, err := kubeadm.CertificateConfig(configuration, p.Node.Name, p.Node.Address, append(names, missing...))
	if err != nil {
		return refuse(fmt.Sprintf("look at ConfigMap kube-system/kubeadm-config: it %v", err))
	}
	p.Certificate = &Certificate{Names: missing, config: config, before: node.SumOf(now.Content), like: now}
	return nil
}

// planCertificateBack takes the certificate of a generation, unless the one
// in place is newer than kplb's, or the earlier one is not good any more.
func (p *NodePlan) planCertificateBack(f *node.Facts, s, current *node.Snapshot, number int) {
	now, there := f.Files[kubeadm.CertificatePath]
	was, kept := s.Files[kubeadm.CertificatePath]
	if !there || !kept || bytes.Equal(now.Content, was.Content) {
		return
	}
	switch {
	case current == nil || !bytes.Equal(current.Files[kubeadm.CertificatePath].Content, now.Content):
		p.note("%s was renewed since: it stays", kubeadm.CertificatePath)
	case expires(was.Content).Before(time.Now().Add(24 * time.Hour)):
		p.note("the earlier %s has expired: the one that is there stays", kubeadm.CertificatePath)
	default:
		p.Certificate = &Certificate{from: number, before: node.SumOf(now.Content), like: was}
	}
}

func expires(certificate []byte) time.Time {
	block, _ := pem.Decode(certificate)
	if block == nil {
		return time.Time{}
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}
	}
	return c.NotAfter
}

func (c *Certificate) String() string {
	if c.config == nil {
		return "certificate of the apiserver: the earlier one, loaded without a restart"
	}
	return "certificate of the apiserver: issued anew, also for " + strings.Join(c.Names, " and ") + ", loaded without a restart"
}

// loadConfiguration reads kubeadm's configuration where certificates are to be
// issued; nil: they are not.
func (r *Rollout) loadConfiguration(ctx context.Context, facts map[string]*node.Facts) ([]byte, error) {
	needed := false
	for _, n := range r.present() {
		needed = needed || len(missingNames(r.Cluster, facts[n.Name].Files[kubeadm.CertificatePath].Content)) > 0
	}
	if !needed || r.Cluster.Certificates != inventory.Manage {
		return nil, nil
	}
	client, err := r.apiserverClient(ctx)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return client.ClusterConfiguration(ctx)
}
