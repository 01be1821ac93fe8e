package kubeadm

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// ensureFlag sets a flag, unless it is set already, and reads it back.
func ensureFlag(source []byte, flag, value string) ([]byte, error) {
	m, err := ParseManifest(source)
	if err != nil {
		return nil, err
	}
	if now, ok := m.Flag(flag); ok && now == value {
		return source, nil
	}
	edited, err := m.setFlag(flag, value)
	if err != nil {
		return nil, err
	}
	if m, err = ParseManifest(edited); err != nil {
		return nil, fmt.Errorf("after the edit of --%s %w", flag, err)
	}
	if now, _ := m.Flag(flag); now != value {
		return nil, fmt.Errorf("does not read back --%s=%s after the edit", flag, value)
	}
	return edited, nil
}

// thinOut leaves a flag as often as it was there: kubeadm puts what a patch
// says behind what it writes itself.
func thinOut(source []byte, flag string, times int) ([]byte, error) {
	for {
		m, err := ParseManifest(source)
		if err != nil || m.count(flag) <= times {
			return source, err
		}
		if source, err = m.dropFlag(flag); err != nil {
			return nil, err
		}
	}
}

// withoutFlag takes every setting of a flag away.
func withoutFlag(source []byte, flag string) ([]byte, error) {
	for {
		m, err := ParseManifest(source)
		if err != nil {
			return nil, err
		}
		if _, ok := m.Flag(flag); !ok {
			return source, nil
		}
		if source, err = m.dropFlag(flag); err != nil {
			return nil, err
		}
	}
}

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
