package kubeadm

import (
	"fmt"
	"regexp"

	"go.yaml.in/yaml/v4"
)

// Arg is a flag as kubeadm remembers it in extraArgs: its name has no dashes.
type Arg struct{ Name, Value string }

// Arg returns the value of one of the apiserver's flags, and whether it is
// there. Of several the last counts, as it does for kubeadm and the apiserver.
func (c *Cluster) Arg(name string) (string, bool) {
	if i := c.lastArg(name); i >= 0 {
		return c.APIServerArgs[i].Value, true
	}
	return "", false
}

func (c *Cluster) lastArg(name string) int {
	for i := len(c.APIServerArgs) - 1; i >= 0; i-- {
		if c.APIServerArgs[i].Name == name {
			return i
		}
	}
	return -1
}

// flagName is the name of a flag without its dashes.
var flagName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// writtenArg is an Arg where it is written.
type writtenArg struct {
	Arg
	value  *yaml.Node   // nil: it has none
	fields []*yaml.Node // keys and values: name: value, or those of an item
	dashes int          // before the first key: an item has one
}

// extraArgs returns what extraArgs of apiServer has.
func extraArgs(root *yaml.Node, version string) ([]writtenArg, error) {
	now := child(child(root, "apiServer"), "extraArgs")
	if !given(now) {
		return nil, nil
	}
	if version == v1beta3 {
		return mapArgs(now)
	}
	return listArgs(now)
}

// mapArgs reads the form of v1beta3.
func mapArgs(now *yaml.Node) ([]writtenArg, error) {
	if now.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: extraArgs is not a mapping, as it is in %s", now.Line, v1beta3)
	}
	var args []writtenArg
	for i := 0; i < len(now.Content); i += 2 {
		name := now.Content[i].Value
		value, err := text(now, name)
		if err != nil {
			return nil, err
		}
		args = append(args, writtenArg{Arg{name, value}, now.Content[i+1], now.Content[i : i+2], 0})
	}
	return args, nil
}

// listArgs reads the form of v1beta4.
func listArgs(now *yaml.Node) ([]writtenArg, error) {
	if now.Kind != yaml.SequenceNode {
		return nil, fmt.Errorf("line %d: extraArgs is not a list, as it is in %s", now.Line, v1beta4)
	}
	var args []writtenArg
	for _, item := range now.Content {
		name, err := text(item, "name")
		if err != nil {
			return nil, err
		}
		if name == "" {
			return nil, fmt.Errorf("line %d: an item of extraArgs has no name", item.Line)
		}
		value, err := text(item, "value")
		if err != nil {
			return nil, err
		}
		args = append(args, writtenArg{Arg{name, value}, child(item, "value"), item.Content, 1})
	}
	return args, nil
}
