package kubeadm

import (
	"bytes"
	"fmt"
	"net/netip"
)

// bindFlag has the apiserver listen on one address.
const bindFlag = "bind-address"

// BindAddress is its value in a manifest, and whether it is set.
func (Distribution) BindAddress(manifest []byte) (value string, set bool, err error) {
	m, err := ParseManifest(manifest)
	if err != nil {
		return "", false, err
	}
	value, set = m.Flag(bindFlag)
	return value, set, nil
}

// BindTo returns the manifest's bytes with the apiserver bound to address and
// advertising it. The bytes are source's own where it already does.
//
// It refuses where kubelet's probes ask another host: the apiserver would no
// longer answer there, and kubelet would restart it for ever.
func (Distribution) BindTo(source []byte, address netip.Addr) ([]byte, error) {
	m, err := ParseManifest(source)
	if err != nil {
		return nil, err
	}
	for _, host := range m.ProbeHosts() {
		if host != address.String() {
			return nil, fmt.Errorf("has kubelet probe %s, which an apiserver bound to %s does not answer", host, address)
		}
	}
	edited := source
	for _, flag := range []string{"advertise-address", bindFlag} {
		if edited, err = ensureFlag(edited, flag, address.String()); err != nil {
			return nil, err
		}
	}
	return bytes.Clone(edited), nil
}

// Unbind takes back what BindTo does: the apiserver listens on every address
// again. One that is bound to another address than this one stays so.
func (Distribution) Unbind(source []byte, address netip.Addr) ([]byte, error) {
	m, err := ParseManifest(source)
	if err != nil {
		return nil, err
	}
	if value, ok := m.Flag(bindFlag); !ok || value != address.String() {
		return bytes.Clone(source), nil
	}
	edited, err := withoutFlag(source, bindFlag)
	return bytes.Clone(edited), err
}

// Share returns the manifest's bytes with the apiserver letting others of its
// user listen on its port, on more specific addresses (kubernetes/kubernetes#88893).
func (Distribution) Share(source []byte) ([]byte, error) {
	edited, err := ensureFlag(source, SharingFlag, "true")
	return bytes.Clone(edited), err
}

// Unshare takes back what Share does.
func (Distribution) Unshare(source []byte) ([]byte, error) {
	edited, err := withoutFlag(source, SharingFlag)
	return bytes.Clone(edited), err
}

// SharingFlag is what Share sets.
const SharingFlag = "permit-port-sharing"

// ownFlags are the flags that BindTo and Share set.
var ownFlags = []string{"advertise-address", bindFlag, SharingFlag}

// LikeIn returns the manifest's bytes with the flags that BindTo and Share set as they
// are in an earlier manifest of the same node: taken away where that one does
// not have them. Everything else stays as it is now.
func (Distribution) LikeIn(source, earlier []byte) ([]byte, error) {
	was, err := ParseManifest(earlier)
	if err != nil {
		return nil, fmt.Errorf("as it was saved %w", err)
	}
	edited := source
	for _, flag := range ownFlags {
		if value, ok := was.Flag(flag); ok {
			if edited, err = thinOut(edited, flag, was.count(flag)); err != nil {
				return nil, err
			}
			edited, err = ensureFlag(edited, flag, value)
		} else {
			edited, err = withoutFlag(edited, flag)
		}
		if err != nil {
			return nil, err
		}
	}
	return bytes.Clone(edited), nil
}
