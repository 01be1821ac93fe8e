package kubeadm

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// harmless is true for what means the same in all quotes and on one line.
func harmless(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`'"\`, r) })
}

// scalar returns a string as kubeadm writes it, in quotes where they are needed.
func scalar(value string) string {
	written, err := yaml.Marshal(value)
	if err != nil {
		return `"` + value + `"`
	}
	return strings.TrimSuffix(string(written), "\n")
}

func scalars(values []string) []string {
	written := make([]string, len(values))
	for i, value := range values {
		written[i] = scalar(value)
	}
	return written
}

func indented(by string, lines []string) []string {
	moved := make([]string, len(lines))
	for i, line := range lines {
		moved[i] = by + line
	}
	return moved
}
