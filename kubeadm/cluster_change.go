package kubeadm

import "maps"

// ClusterEdit is what a ClusterConfiguration is to say. Its zero value asks for
// nothing.
type ClusterEdit struct {
	Endpoint string            // controlPlaneEndpoint, host:port; empty: as it is
	SANs     []string          // to be among certSANs
	Args     map[string]string // of the apiserver's extraArgs, by the names of the flags
}

// ClusterBefore is what EditCluster replaces, for ClusterLikeIn. Kept as JSON it
// can be read by later versions.
type ClusterBefore struct {
	Endpoint  *string            `json:"controlPlaneEndpoint,omitempty"` // nil: it stays as it is
	Had       bool               `json:"had"`                            // there was a controlPlaneEndpoint
	AddedSANs []string           `json:"addedSANs"`
	Args      map[string]*string `json:"apiServerArgs,omitempty"` // nil: the flag was not there
}

// Before returns what an edit of the cluster replaces.
func (c *Cluster) Before(e ClusterEdit) ClusterBefore {
	was := ClusterBefore{AddedSANs: c.Lacks(e.SANs)}
	if endpoint := c.ControlPlaneEndpoint; e.Endpoint != "" {
		was.Endpoint, was.Had = &endpoint, endpoint != ""
	}
	for name := range e.Args {
		if was.Args == nil {
			was.Args = map[string]*string{}
		}
		was.Args[name] = nil
		if value, ok := c.Arg(name); ok {
			was.Args[name] = &value
		}
	}
	return was
}

// And returns what two edits replace, of which other was the later one.
func (b ClusterBefore) And(other ClusterBefore) ClusterBefore {
	if b.Endpoint == nil {
		b.Endpoint, b.Had = other.Endpoint, other.Had
	}
	b.AddedSANs = append(b.AddedSANs[:len(b.AddedSANs):len(b.AddedSANs)], (&Cluster{CertSANs: b.AddedSANs}).Lacks(other.AddedSANs)...)
	args := map[string]*string{}
	maps.Copy(args, other.Args)
	maps.Copy(args, b.Args)
	b.Args = args
	return b
}
