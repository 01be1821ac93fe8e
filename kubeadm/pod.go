package kubeadm

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Flag returns the value of a flag of a static pod's container, and whether it
// is set: in command or in args, which follow it; the last one counts. A flag
// without a value is "true".
//
// It refuses where the answer would be a guess: the flag stands inside of a
// longer text, as in a shell's command, or its value is a variable.
func (Distribution) Flag(manifest []byte, container, flag string) (value string, set bool, err error) {
	d, err := read(manifest)
	if err != nil {
		return "", false, err
	}
	pod, err := findContainer(d.root, container)
	if err != nil {
		return "", false, err
	}
	items, err := arguments(pod)
	if err != nil {
		return "", false, err
	}
	for i, item := range items {
		if item.Value == "--" {
			break
		}
		name, given, inline := strings.Cut(item.Value, "=")
		switch {
		case !isFlag(name, flag):
			if mentions(item.Value, flag) {
				return "", false, fmt.Errorf("line %d: has --%s inside of a longer text, which is not read", item.Line, flag)
			}
			continue
		case inline:
			value = given
		case i+1 < len(items) && !strings.HasPrefix(items[i+1].Value, "-"):
			value = items[i+1].Value
		default:
			value = "true"
		}
		set = true
		if strings.Contains(value, "$(") {
			return "", false, fmt.Errorf("line %d: has a variable in --%s, which is not looked up", item.Line, flag)
		}
	}
	return value, set, nil
}

func findContainer(root *yaml.Node, name string) (*yaml.Node, error) {
	containers := child(child(root, "spec"), "containers")
	if containers == nil || containers.Kind != yaml.SequenceNode {
		return nil, errors.New("has no spec.containers")
	}
	for _, c := range containers.Content {
		if n := child(c, "name"); n != nil && n.Value == name {
			return c, nil
		}
	}
	return nil, fmt.Errorf("has no container named %s", name)
}

// arguments are the items of a container's command and args.
func arguments(container *yaml.Node) ([]*yaml.Node, error) {
	var all []*yaml.Node
	for _, key := range []string{"command", "args"} {
		list := child(container, key)
		if !given(list) {
			continue
		}
		if list.Kind != yaml.SequenceNode {
			return nil, fmt.Errorf("line %d: %s is not a list", list.Line, key)
		}
		for _, item := range list.Content {
			if item.Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("line %d: an item of %s is not a string", item.Line, key)
			}
		}
		all = append(all, list.Content...)
	}
	return all, nil
}

// isFlag compares as Kubernetes does, which takes _ for - in the names of flags.
func isFlag(item, flag string) bool {
	name, ok := strings.CutPrefix(item, "--")
	return ok && strings.ReplaceAll(name, "_", "-") == flag
}

// mentions says whether a flag is one of the words of an item.
func mentions(item, flag string) bool {
	for word := range strings.FieldsFuncSeq(item, func(r rune) bool { return strings.ContainsRune(" \t\r\n\"';&|", r) }) {
		name, _, _ := strings.Cut(word, "=")
		if isFlag(name, flag) {
			return true
		}
	}
	return false
}
