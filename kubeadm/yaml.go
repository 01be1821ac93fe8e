package kubeadm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

var errEmpty = errors.New("is empty")

// parse returns the one document of source.
func parse(source []byte) (*yaml.Node, error) {
	if !utf8.Valid(source) {
		return nil, errors.New("is not UTF-8")
	}
	// YAML ends lines at these, too: what it calls line 7 would be another one here
	if bytes.ContainsAny(bytes.ReplaceAll(source, []byte("\r\n"), []byte("\n")), "\r\u0085\u2028\u2029") {
		return nil, errors.New("has a line that ends in neither LF nor CR LF")
	}
	var doc, second yaml.Node
	documents := yaml.NewDecoder(bytes.NewReader(source))
	if err := documents.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, errEmpty
	} else if err != nil {
		return nil, notYAML(err)
	}
	if err := documents.Decode(&second); err == nil {
		return nil, errors.New("has a second YAML document")
	} else if !errors.Is(err, io.EOF) {
		return nil, notYAML(err)
	}
	if len(doc.Content) != 1 {
		return nil, errEmpty
	}
	return doc.Content[0], plain(doc.Content[0])
}

// plain refuses what readers of YAML understand in different ways, and what
// child does not look through.
func plain(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode {
		return fmt.Errorf("line %d: has an alias, which is not followed", n.Line)
	}
	keys := map[string]bool{}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			if keys[c.Value] {
				return fmt.Errorf("line %d: has key %q a second time", c.Line, c.Value)
			}
			keys[c.Value] = true
		}
		if err := plain(c); err != nil {
			return err
		}
		if n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Tag == "!!merge" {
			return fmt.Errorf("line %d: has a merge key, which is not followed", n.Content[i-1].Line)
		}
	}
	return nil
}

// unknownAnchor is where a message of the library quotes the text: what looks
// like an alias may be a password that nobody has put in quotes.
var unknownAnchor = regexp.MustCompile(`unknown anchor '.*' referenced`)

func notYAML(err error) error {
	return errors.New("is not YAML: " + unknownAnchor.ReplaceAllString(err.Error(), "an alias without its anchor"))
}

// child returns the value of a key of a mapping, nil if there is none.
func child(n *yaml.Node, key string) *yaml.Node {
	_, value := entry(n, key)
	return value
}

// entry returns a key of a mapping and its value.
func entry(n *yaml.Node, key string) (name, value *yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}

// text returns the string at a key, empty where there is none.
func text(n *yaml.Node, key string) (string, error) {
	value := child(n, key)
	switch {
	case !given(value):
		return "", nil
	case value.Kind != yaml.ScalarNode:
		return "", fmt.Errorf("line %d: %s is not a string", value.Line, key)
	}
	return value.Value, nil
}

// given says whether there is a value: a key with nothing behind it, null and
// {} are none.
func given(n *yaml.Node) bool {
	return n != nil && n.Tag != "!!null" && (n.Kind == yaml.ScalarNode || len(n.Content) > 0)
}

// cutScalar separates an item as it is written, quotes included, from what
// follows it on the line.
func cutScalar(tail []byte, item *yaml.Node) (written string, rest []byte, ok bool) {
	written = item.Value
	switch {
	case item.Style&yaml.DoubleQuotedStyle != 0:
		written = `"` + written + `"`
	case item.Style&yaml.SingleQuotedStyle != 0:
		written = `'` + written + `'`
	}
	rest, ok = bytes.CutPrefix(tail, []byte(written))
	return written, rest, ok
}

// flow is the style of what is written in braces or brackets.
const flow = yaml.FlowStyle
