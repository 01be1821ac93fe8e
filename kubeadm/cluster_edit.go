package kubeadm

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// EditCluster returns the text with controlPlaneEndpoint, apiServer.certSANs and
// apiServer.extraArgs as they are to be. What is added stands where kubeadm would
// write it; everything else stays as it is, and all of it where nothing is
// missing. A form that is not edited is an error with its line.
func EditCluster(source []byte, e ClusterEdit) ([]byte, error) {
	if e.Endpoint != "" && !isEndpoint(e.Endpoint) {
		return nil, fmt.Errorf("cannot take %q as controlPlaneEndpoint, which is host:port", e.Endpoint)
	}
	for _, san := range e.SANs {
		if !isSAN(san) {
			return nil, fmt.Errorf("cannot take %q as one of certSANs: it is neither a name nor an address", san)
		}
	}
	steps := []step{func(d *document, c *Cluster) ([]edit, error) {
		lacks := c.Lacks(e.SANs)
		c.CertSANs = append(c.CertSANs, lacks...)
		return d.addSANs(lacks)
	}}
	if e.Endpoint != "" {
		steps = append(steps, endpointStep(e.Endpoint))
	}
	for _, name := range slices.Sorted(maps.Keys(e.Args)) {
		steps = append(steps, argStep(name, e.Args[name]))
	}
	return inTurn(source, steps)
}

// ClusterLikeIn takes back what EditCluster did: controlPlaneEndpoint and the
// flags are set to what they were, or taken away if they were not there, and the
// SANs that were added are taken away, as far as they are still there. Everything
// else stays as it is now.
//
// A block list certSANs and an extraArgs that become empty go with their keys,
// and an apiServer that becomes empty is {}: kubeadm neither writes an empty list
// nor leaves apiServer out, so that a text of kubeadm's own becomes what it was,
// byte for byte. Any other text means what it did.
func ClusterLikeIn(source []byte, was ClusterBefore) ([]byte, error) {
	steps := []step{func(d *document, c *Cluster) ([]edit, error) { return d.dropSANs(c, was.AddedSANs) }}
	switch {
	case was.Endpoint == nil:
	case was.Had:
		steps = append(steps, endpointStep(*was.Endpoint))
	default:
		steps = append(steps, func(d *document, c *Cluster) ([]edit, error) {
			c.ControlPlaneEndpoint = ""
			return d.dropEndpoint()
		})
	}
	for _, name := range slices.Sorted(maps.Keys(was.Args)) {
		if value := was.Args[name]; value != nil {
			steps = append(steps, argStep(name, *value))
		} else {
			steps = append(steps, func(d *document, c *Cluster) ([]edit, error) { return d.dropArgs(c, name) })
		}
	}
	return inTurn(source, steps)
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
