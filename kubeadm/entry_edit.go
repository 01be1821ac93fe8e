package kubeadm

import (
	"fmt"
	"regexp"

	"go.yaml.in/yaml/v4"
)

// open puts lines below a key that has no value. What says so, {}, [] or null, goes.
func (d *document) open(key, value *yaml.Node, lines []string) ([]edit, error) {
	indent, err := d.indent(key)
	if err != nil {
		return nil, err
	}
	from, err := d.colon(key)
	if err != nil {
		return nil, err
	}
	_, end := d.line(key.Line)
	to := from + len(nothing.Find(d.source[from:end]))
	if value.Line != key.Line || value.Anchor != "" || d.at(value) > to {
		return nil, fmt.Errorf("line %d: %s is written in a form that is not edited", value.Line, key.Value)
	}
	return []edit{{from, to, ""}, d.below(key.Line, indented(indent, lines)...)}, nil
}

// nothing is what may stand behind a colon instead of a value.
var nothing = regexp.MustCompile(`^( +(\{ *\}|\[ *\]|~|null|Null|NULL))?( *$)?`)

// withoutEntry takes an entry away that has a line of its own.
func (d *document) withoutEntry(mapping, key, value *yaml.Node) ([]edit, error) {
	if _, err := d.indent(key); err != nil {
		return nil, err
	}
	if _, _, err := d.span(value, key.Value); err != nil || value.Line != key.Line {
		return nil, fmt.Errorf("line %d: %s is written in a form that is not edited", key.Line, key.Value)
	}
	drop(mapping, key.Value)
	return d.without(key.Line), nil
}
