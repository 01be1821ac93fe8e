package kubeadm

import (
	"fmt"
	"slices"
	"strings"
)

// setArg sets a flag of the apiserver: the last one of its name gets the value, or
// one is added.
func (c *configuration) setArg(want Arg) ([]edit, error) {
	args, err := extraArgs(c.root, c.APIVersion)
	if err != nil {
		return nil, err
	}
	i := c.lastArg(want.Name)
	if i < 0 {
		return c.addArg(args, want)
	}
	now := args[i]
	if now.Value == want.Value && now.value != nil && now.value.Tag == "!!str" { // kubeadm takes true for no string
		return nil, nil
	}
	if _, _, err := c.argLines(now); err != nil {
		return nil, err
	}
	if now.value == nil || !harmless(now.Value) {
		return nil, fmt.Errorf("line %d: %s is written in a form that is not edited", now.fields[0].Line, now.Name)
	}
	c.APIServerArgs[i].Value = want.Value
	return one(c.set(now.value, now.Name, want.Value))
}

// addArg adds a flag that is not there: to a map in its order, to a list as the
// last one.
func (c *configuration) addArg(args []writtenArg, a Arg) ([]edit, error) {
	if !flagName.MatchString(a.Name) || !harmless(a.Value) {
		return nil, fmt.Errorf("cannot take --%s=%s as a flag of the apiserver", a.Name, a.Value)
	}
	value := scalar(a.Value)
	at, lines := len(args), []string{"- name: " + scalar(a.Name), "  value: " + value}
	if c.APIVersion == v1beta3 {
		lines = []string{scalar(a.Name) + ": " + value}
		if i := slices.IndexFunc(args, func(b writtenArg) bool { return b.Name > a.Name }); i >= 0 {
			at = i
		}
	}
	c.APIServerArgs = slices.Insert(c.APIServerArgs, at, a)
	if len(args) == 0 {
		if c.APIVersion == v1beta3 {
			lines = indented("  ", lines)
		}
		return c.place("extraArgs", lines)
	}
	if at < len(args) {
		return one(c.insert(child(child(c.root, "apiServer"), "extraArgs"), a.Name, lines...))
	}
	indent, numbers, err := c.argLines(args[at-1])
	if err != nil {
		return nil, err
	}
	return []edit{c.below(numbers[len(numbers)-1], indented(indent, lines)...)}, nil
}

// dropArgs takes every setting of a flag out of extraArgs.
func (c *configuration) dropArgs(name string) ([]edit, error) {
	args, err := extraArgs(c.root, c.APIVersion)
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, a := range args {
		if a.Name != name {
			continue
		}
		_, lines, err := c.argLines(a)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, lines...)
	}
	c.APIServerArgs = slices.DeleteFunc(c.APIServerArgs, func(a Arg) bool { return a.Name == name })
	if len(numbers) > 0 && len(c.APIServerArgs) == 0 {
		return c.dropKey("extraArgs", numbers)
	}
	return c.without(numbers...), nil
}

// argLines returns the lines of a flag that has them for itself, and how far it
// is indented.
func (c *configuration) argLines(a writtenArg) (indent string, numbers []int, err error) {
	for i := 0; i < len(a.fields); i += 2 {
		key, value := a.fields[i], a.fields[i+1]
		from, _ := c.line(key.Line)
		before := string(c.source[from:c.at(key)])
		_, to, err := c.span(value, a.Name)
		if err != nil {
			return "", nil, err
		}
		dashes := 0
		if i == 0 {
			indent, _, _ = strings.Cut(before, "-")
			dashes = a.dashes
		}
		if key.Line != value.Line || strings.Trim(before, " -") != "" || strings.Count(before, "-") != dashes || !c.endsLine(key.Line, to) {
			return "", nil, fmt.Errorf("line %d: %s is not alone on its line", key.Line, a.Name)
		}
		numbers = append(numbers, key.Line)
	}
	return indent, numbers, nil
}
