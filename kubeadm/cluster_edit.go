package kubeadm

import (
	"fmt"
	"maps"
	"slices"
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
	steps := []step{func(c *configuration) ([]edit, error) {
		lacks := c.Lacks(e.SANs)
		c.CertSANs = append(c.CertSANs, lacks...)
		return c.addSANs(lacks)
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
	steps := []step{func(c *configuration) ([]edit, error) { return c.dropSANs(was.AddedSANs) }}
	switch {
	case was.Endpoint == nil:
	case was.Had:
		steps = append(steps, endpointStep(*was.Endpoint))
	default:
		steps = append(steps, func(c *configuration) ([]edit, error) {
			c.ControlPlaneEndpoint = ""
			return c.dropEndpoint()
		})
	}
	for _, name := range slices.Sorted(maps.Keys(was.Args)) {
		if value := was.Args[name]; value != nil {
			steps = append(steps, argStep(name, *value))
		} else {
			steps = append(steps, func(c *configuration) ([]edit, error) { return c.dropArgs(name) })
		}
	}
	return inTurn(source, steps)
}
