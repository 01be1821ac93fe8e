// Package kubeadm reads and edits the files that kubeadm writes. Edits are
// made to the bytes at the place that changes: everything else in a file,
// comments and order included, stays as it was. The package is pure.
package kubeadm

import (
	"bytes"
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

// setFlag returns the manifest's bytes with the flag set to value: the last
// item that sets it is replaced, or an item is added after the last one. The
// caller reads the flag back.
func (m *Manifest) setFlag(name, value string) ([]byte, error) {
	lines := bytes.SplitAfter(m.source, []byte("\n"))
	if strings.HasSuffix(value, ":") { // an IPv6 address, which would read as a key
		return nil, fmt.Errorf("cannot take --%s=%s: an address that ends in a colon", name, value)
	}
	for i := len(m.command) - 1; i >= 0; i-- {
		item := m.command[i]
		if strings.HasPrefix(item.Value, "--"+name+"=") {
			return m.replace(lines, item, "--"+name+"="+value)
		}
	}
	return m.add(lines, "--"+name+"="+value)
}

func (m *Manifest) replace(lines [][]byte, item *yaml.Node, text string) ([]byte, error) {
	line := lines[item.Line-1]
	head, tail := line[:item.Column-1], line[item.Column-1:]
	written, rest, ok := cutScalar(tail, item)
	if !ok {
		return nil, fmt.Errorf("line %d: %q is written in a form that is not edited", item.Line, written)
	}
	lines[item.Line-1] = bytes.Join([][]byte{head, []byte(text), rest}, nil)
	return bytes.Join(lines, nil), nil
}

func (m *Manifest) add(lines [][]byte, text string) ([]byte, error) {
	last := m.command[len(m.command)-1]
	line := lines[last.Line-1]
	head := line[:last.Column-1]
	if strings.Trim(string(head), " -") != "" || !bytes.Contains(head, []byte("-")) {
		return nil, fmt.Errorf("line %d: the last item of command is not alone on its line", last.Line)
	}
	end := []byte("\n")
	if bytes.HasSuffix(line, []byte("\r\n")) {
		end = []byte("\r\n")
	}
	line = bytes.TrimSuffix(line, end)
	lines[last.Line-1] = bytes.Join([][]byte{line, end, head, []byte(text), end}, nil)
	return bytes.Join(lines, nil), nil
}

// dropFlag removes the line of the last item that sets the flag.
func (m *Manifest) dropFlag(name string) ([]byte, error) {
	lines := bytes.SplitAfter(m.source, []byte("\n"))
	for i := len(m.command) - 1; i > 0; i-- {
		item := m.command[i]
		if !strings.HasPrefix(item.Value, "--"+name+"=") {
			continue
		}
		if strings.Trim(string(lines[item.Line-1][:item.Column-1]), " -") != "" {
			return nil, fmt.Errorf("line %d: --%s is not alone on its line", item.Line, name)
		}
		lines[item.Line-1] = nil
		return bytes.Join(lines, nil), nil
	}
	return nil, fmt.Errorf("has --%s in a place that is not edited", name)
}
