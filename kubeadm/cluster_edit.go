package kubeadm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// EditCluster returns the text with controlPlaneEndpoint set to endpoint, unless
// that is empty, and with all of sans in apiServer.certSANs. Both stand where
// kubeadm would write them; everything else stays as it is, and all of it where
// nothing is missing. A form that is not edited is an error with its line.
func EditCluster(source []byte, endpoint string, sans []string) ([]byte, error) {
	if endpoint != "" && !isEndpoint(endpoint) {
		return nil, fmt.Errorf("cannot take %q as controlPlaneEndpoint, which is host:port", endpoint)
	}
	for _, san := range sans {
		if !isSAN(san) {
			return nil, fmt.Errorf("cannot take %q as one of certSANs: it is neither a name nor an address", san)
		}
	}
	return editCluster(source, func(d *document, c *Cluster) ([]edit, error) {
		edits, err := d.addSANs(c.Lacks(sans))
		if err != nil {
			return nil, err
		}
		c.CertSANs = append(c.CertSANs, c.Lacks(sans)...)
		if endpoint == "" || endpoint == c.ControlPlaneEndpoint {
			return edits, nil
		}
		more, err := d.setEndpoint(endpoint)
		c.ControlPlaneEndpoint = endpoint
		return append(edits, more...), err
	})
}

// ClusterLikeIn takes back what EditCluster did: controlPlaneEndpoint is set to
// endpoint, or taken away if it was not there (had is false), and the SANs that
// were added (Cluster.Lacks told which) are taken away, as far as they are still
// there. Everything else stays as it is now.
//
// A block list certSANs that becomes empty goes with its key, and an apiServer
// that becomes empty is {}: kubeadm neither writes an empty certSANs nor leaves
// apiServer out, so that a text of kubeadm's own becomes what it was, byte for
// byte. Any other text means what it did.
func ClusterLikeIn(source []byte, endpoint string, had bool, added []string) ([]byte, error) {
	return editCluster(source, func(d *document, c *Cluster) ([]edit, error) {
		edits, err := d.dropSANs(c, added)
		if err != nil {
			return nil, err
		}
		var more []edit
		if !had {
			endpoint = ""
			more, err = d.dropEndpoint()
		} else if endpoint != c.ControlPlaneEndpoint {
			more, err = d.setEndpoint(endpoint)
		}
		c.ControlPlaneEndpoint = endpoint
		return append(edits, more...), err
	})
}

// editCluster makes the edits that a function finds, and reads back what that
// makes of the cluster it is given, and that nothing else has changed.
func editCluster(source []byte, find func(*document, *Cluster) ([]edit, error)) ([]byte, error) {
	d, c, err := readCluster(source)
	if err != nil {
		return nil, err
	}
	edits, err := find(d, c)
	if d.root.Style&flow != 0 && (err != nil || len(edits) > 0) {
		return nil, fmt.Errorf("line %d: is in flow style, which is not edited", d.root.Line)
	}
	if err != nil {
		return nil, err
	}
	edited := d.apply(edits)
	again, is, err := readCluster(edited)
	if err != nil {
		return nil, fmt.Errorf("after the edit %w", err)
	}
	if is.ControlPlaneEndpoint != c.ControlPlaneEndpoint || !slices.Equal(is.CertSANs, c.CertSANs) || !same(d.others(), again.others()) {
		return nil, errors.New("does not read back its controlPlaneEndpoint and certSANs after the edit")
	}
	return edited, nil
}

// others is the tree without what is edited. The document is of no use after it.
func (d *document) others() *yaml.Node {
	drop(d.root, "controlPlaneEndpoint")
	api := child(d.root, "apiServer")
	drop(api, "certSANs")
	if !given(api) {
		drop(d.root, "apiServer")
	}
	return d.root
}

func (d *document) setEndpoint(endpoint string) ([]edit, error) {
	const key = "controlPlaneEndpoint"
	now := child(d.root, key)
	if now == nil {
		e, err := d.insert(d.root, key, key+": "+scalar(endpoint))
		return []edit{e}, err
	}
	e, err := d.set(now, key, endpoint)
	return []edit{e}, err
}

func (d *document) dropEndpoint() ([]edit, error) {
	key, value := entry(d.root, "controlPlaneEndpoint")
	if key == nil {
		return nil, nil
	}
	_, err := d.indent(key)
	if err != nil || key.Line != value.Line {
		return nil, fmt.Errorf("line %d: %s is not alone on its line", key.Line, key.Value)
	}
	if _, _, err := d.span(value, key.Value); err != nil {
		return nil, err
	}
	return d.without(key.Line), nil
}

// isSAN is true for what kubeadm takes as one of certSANs.
func isSAN(san string) bool {
	name, wild := strings.CutPrefix(san, "*.")
	return isHost(name) && (!wild || dnsName.MatchString(name))
}
