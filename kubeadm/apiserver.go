package kubeadm

import (
	"bytes"
	"fmt"
	"net/netip"
)

// BindTo returns the manifest's bytes with the apiserver bound to address and
// advertising it. The bytes are source's own where it already does.
//
// It refuses where kubelet's probes ask another host: the apiserver would no
// longer answer there, and kubelet would restart it for ever.
func BindTo(source []byte, address netip.Addr) ([]byte, error) {
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
	for _, flag := range []string{"advertise-address", "bind-address"} {
		if value, ok := m.Flag(flag); ok && value == address.String() {
			continue
		}
		if edited, err = m.setFlag(flag, address.String()); err != nil {
			return nil, err
		}
		if m, err = ParseManifest(edited); err != nil {
			return nil, fmt.Errorf("after the edit of --%s %w", flag, err)
		}
		if value, _ := m.Flag(flag); value != address.String() {
			return nil, fmt.Errorf("does not read back --%s=%s after the edit", flag, address)
		}
	}
	return bytes.Clone(edited), nil
}
