// Package kubeadm reads and edits the files that kubeadm writes. Edits are
// made to the bytes at the place that changes: everything else in a file,
// comments and order included, stays as it was. The package is pure.
package kubeadm

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// ManifestPath is where kubelet finds the apiserver's static pod. Kubelet runs
// every file of that directory, so nothing else is ever written there.
const ManifestPath = "/etc/kubernetes/manifests/kube-apiserver.yaml"

// Manifest is the static pod of a kube-apiserver.
type Manifest struct {
	source  []byte
	command []*yaml.Node // the items of the container's command
	probes  []string     // the hosts that kubelet's probes ask
}

// ParseManifest reads a kube-apiserver manifest of the form that kubeadm
// writes: a pod whose container kube-apiserver has its flags in command, one
// item a line. Any other form is an error that says what was expected.
func ParseManifest(source []byte) (*Manifest, error) {
	root, err := parse(source)
	if err != nil {
		return nil, err
	}
	container, err := findContainer(root, "kube-apiserver")
	if err != nil {
		return nil, err
	}
	if child(container, "args") != nil {
		return nil, errors.New("has spec.containers[kube-apiserver].args, whose flags would count after those of command")
	}
	command := child(container, "command")
	if command == nil || command.Kind != yaml.SequenceNode || command.Style&yaml.FlowStyle != 0 || len(command.Content) == 0 {
		return nil, errors.New("has no block list spec.containers[kube-apiserver].command")
	}
	m := &Manifest{source: source, command: command.Content}
	for _, item := range m.command {
		if item.Kind != yaml.ScalarNode || strings.ContainsAny(item.Value, "\n\r") {
			return nil, fmt.Errorf("line %d: an item of command is not a plain string on one line", item.Line)
		}
	}
	m.probes = probeHosts(container)
	return m, nil
}

func probeHosts(container *yaml.Node) []string {
	var hosts []string
	for _, probe := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
		if host := child(child(child(container, probe), "httpGet"), "host"); host != nil {
			hosts = append(hosts, host.Value)
		}
	}
	return hosts
}

// Flag returns the value of a flag and whether it is set. Of several equal
// flags the last counts, as it does for kube-apiserver.
func (m *Manifest) Flag(name string) (string, bool) {
	for i := len(m.command) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(m.command[i].Value, "--"+name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// count says how often a flag is set.
func (m *Manifest) count(name string) int {
	n := 0
	for _, item := range m.command {
		if strings.HasPrefix(item.Value, "--"+name+"=") {
			n++
		}
	}
	return n
}

// ProbeHosts returns the hosts that kubelet's probes ask; kubeadm writes the
// advertise address.
func (m *Manifest) ProbeHosts() []string { return m.probes }
