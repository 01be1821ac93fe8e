package kubeadm

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"time"
)

// certificates returns the certificates of a PEM text. Other blocks in it are
// passed over.
func certificates(text []byte) ([][]byte, error) {
	if len(text) > largest {
		return nil, fmt.Errorf("has %d bytes, more than 1 MiB", len(text))
	}
	var all [][]byte
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		switch {
		case block == nil && all == nil:
			return nil, errors.New("holds no certificate")
		case block == nil:
			return all, nil
		case block.Type == "CERTIFICATE":
			if _, err := x509.ParseCertificate(block.Bytes); err != nil {
				return nil, fmt.Errorf("holds a broken certificate: %w", err)
			}
			all = append(all, block.Bytes)
		}
	}
}

// first returns the certificate that a server with this PEM text presents.
func first(text []byte) (*x509.Certificate, error) {
	all, err := certificates(text)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(all[0])
}

// SANs returns the names and the addresses that a certificate is for, in its
// order. Of several certificates the first counts. It refuses one that is also
// for something else, such as a URI: nobody could make it again from these.
func SANs(certificatePEM []byte) (names []string, addresses []netip.Addr, err error) {
	c, err := first(certificatePEM)
	if err != nil {
		return nil, nil, err
	}
	if other := len(c.URIs) + len(c.EmailAddresses); other > 0 {
		return nil, nil, fmt.Errorf("is for %d URIs or mail addresses, beside names and addresses", other)
	}
	for _, ip := range c.IPAddresses {
		if address, ok := netip.AddrFromSlice(ip); ok {
			addresses = append(addresses, address.Unmap())
		}
	}
	return slices.Clone(c.DNSNames), addresses, nil
}

// Covers says whether clients take the certificate for the name or the address.
// One that cannot be read covers nothing.
func Covers(certificatePEM []byte, host string) bool {
	c, err := first(certificatePEM)
	return err == nil && c.VerifyHostname(host) == nil
}

// Expiry is when the certificate expires. It is zero for one that cannot be
// read.
func Expiry(certificatePEM []byte) time.Time {
	c, err := first(certificatePEM)
	if err != nil {
		return time.Time{}
	}
	return c.NotAfter
}

// CertificateConfig returns the file for `kubeadm init phase certs apiserver
// --config`: the ClusterConfiguration with exactly sans as its certSANs, and an
// InitConfiguration that says which node it is. kubeadm adds the names and
// addresses that it always adds, so that sans may, but need not, have them;
// whatever else an old certificate was for must be among sans.
func (Distribution) CertificateConfig(cluster []byte, nodeName string, advertise netip.Addr, sans []string) ([]byte, error) {
	if !dnsName.MatchString(nodeName) {
		return nil, fmt.Errorf("cannot be used for node %q, which is no name of a node", nodeName)
	}
	if !advertise.IsValid() || advertise.IsUnspecified() || advertise.Zone() != "" {
		return nil, fmt.Errorf("cannot be used for address %s", advertise)
	}
	c, err := ParseCluster(cluster)
	if err != nil {
		return nil, err
	}
	edited, err := EditCluster(cluster, ClusterEdit{SANs: sans})
	if err != nil {
		return nil, err
	}
	lacks := (&Cluster{CertSANs: sans}).Lacks(c.CertSANs)
	edited, err = editCluster(edited, func(c *configuration) ([]edit, error) { return c.dropSANs(lacks) })
	if err != nil {
		return nil, err
	}
	// behind it, because the text may begin with what begins a document
	if edited[len(edited)-1] != '\n' {
		edited = append(edited, '\n')
	}
	return fmt.Appendf(edited, "---\napiVersion: %s\nkind: InitConfiguration\nlocalAPIEndpoint:\n  advertiseAddress: %s\nnodeRegistration:\n  name: %s\n",
		c.APIVersion, scalar(advertise.String()), scalar(nodeName)), nil
}

var certificatesDir = regexp.MustCompile(`(?m)^certificatesDir:.*$`)

// IssueIn has kubeadm read the CA and write the pair in a directory.
func (Distribution) IssueIn(config []byte, dir string) []byte {
	line := []byte("certificatesDir: " + dir)
	if certificatesDir.Match(config) {
		return certificatesDir.ReplaceAllLiteral(config, line)
	}
	return append(append(line, '\n'), config...)
}
