package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v4"
)

// deepest is the nesting at which reading stops. The format needs five levels.
const deepest = 16

// Decode reads the one document of data. A nil node means that there is nothing
// to bind; the collector knows why. This is the only file that knows the YAML
// library, and the library only gives syntax: every rule about values is ours.
func Decode(file string, data []byte, problems *Collector, minimal string) (root *Value) {
	d := decoder{file: file, problems: problems, minimal: minimal}
	defer func() {
		// The library is young, and its input hostile.
		if r := recover(); r != nil {
			d.problems.Add(d.start(), "the file makes the YAML reader fail", "write it in plain YAML, and report this file")
			root = nil
		}
	}()

	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithUniqueKeys(false))
	if err != nil {
		d.problems.Add(d.start(), "the YAML reader cannot start: "+err.Error(), "report this")
		return nil
	}
	var document yaml.Node
	switch err := loader.Load(&document); {
	case errors.Is(err, io.EOF):
		d.problems.Add(d.start(), "the file is empty", d.minimal)
		return nil
	case err != nil:
		d.syntax(err)
		return nil
	}
	root = d.document(&document)

	var second yaml.Node
	switch err := loader.Load(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		d.syntax(err)
	default:
		d.problems.Add(d.position(&second), "a second document starts here", "keep one cluster in a file")
	}
	return root
}

type decoder struct {
	file     string
	problems *Collector
	minimal  string
}

func (d *decoder) start() Position {
	return Position{File: d.file, Line: 1, Column: 1}
}

func (d *decoder) position(n *yaml.Node) Position {
	return Position{File: d.file, Line: max(n.Line, 1), Column: max(n.Column, 1)}
}

// document answers the mapping that a document must be.
func (d *decoder) document(n *yaml.Node) *Value {
	if n.Kind != yaml.DocumentNode || len(n.Content) != 1 {
		d.problems.Add(d.position(n), "the document is empty", d.minimal)
		return nil
	}
	root := d.node(n.Content[0], 0)
	switch root.Kind {
	case Mapping:
		return root
	case Refused:
	case Absent:
		d.problems.Add(d.position(n), "the document is empty", d.minimal)
	default:
		d.problems.Add(root.Pos, fmt.Sprintf("the document is %s, not a mapping", root.Kind), d.minimal)
	}
	return nil
}

// node translates n and all that is in it.
func (d *decoder) node(n *yaml.Node, depth int) *Value {
	out := &Value{Pos: d.position(n)}
	if depth > deepest {
		d.problems.Add(out.Pos, fmt.Sprintf("the value is nested more than %d levels deep", deepest), "write what examples/full.yaml shows")
		return out
	}
	if d.indirect(n) {
		return out
	}
	switch n.Kind {
	case yaml.ScalarNode:
		d.scalar(n, out)
	case yaml.SequenceNode:
		out.Kind = Sequence
		for _, item := range n.Content {
			out.Items = append(out.Items, d.node(item, depth+1))
		}
	case yaml.MappingNode:
		out.Kind = Mapping
		for i := 0; i+1 < len(n.Content); i += 2 {
			if e, ok := d.entry(n.Content[i], n.Content[i+1], depth); ok {
				out.Entries = append(out.Entries, e)
			}
		}
	default:
		d.problems.Add(out.Pos, "the value cannot be read", "write the value out")
	}
	return out
}

// indirect refuses what makes a value mean something that is not written where
// the value stands. Names of anchors and tags are not echoed: a secret that
// begins with *, & or ! is taken for one.
func (d *decoder) indirect(n *yaml.Node) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		d.problems.AddSecret(d.position(n), "an alias (*) stands for another value", "write the value out")
	case n.Anchor != "":
		d.problems.AddSecret(d.position(n), "an anchor (&) marks the value", "write the value out where it is needed, without anchors")
	case n.Style&yaml.TaggedStyle != 0:
		d.problems.AddSecret(d.position(n), "a tag (!) gives the value a type", "write the value out, without a tag")
	default:
		return false
	}
	return true
}

func (d *decoder) entry(key, value *yaml.Node, depth int) (Entry, bool) {
	at := d.position(key)
	switch {
	case d.indirect(key):
	case key.Kind != yaml.ScalarNode:
		d.problems.Add(at, "a key is a list or a mapping", "write a name as the key")
	case key.ShortTag() == "!!merge":
		d.problems.Add(at, "a merge key (<<) takes values from elsewhere", "write the values out")
	default:
		return Entry{Key: key.Value, Pos: at, Value: d.node(value, depth+1)}, true
	}
	return Entry{}, false
}

func (d *decoder) scalar(n *yaml.Node, out *Value) {
	const quotes = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	out.Text = n.Value
	out.Quoted = n.Style&quotes != 0
	switch n.ShortTag() {
	case "!!null":
		out.Kind = Absent
	case "!!int", "!!float":
		out.Kind = Number
	case "!!bool":
		out.Kind = Boolean
	case "!!timestamp":
		out.Kind = Date
	default:
		out.Kind = Text
	}
}

// syntax turns an error of the library into a problem.
func (d *decoder) syntax(err error) {
	at := d.start()
	message := err.Error()
	var load *yaml.LoadError
	if errors.As(err, &load) {
		message = load.Message
		if load.Mark.Line > 0 {
			at.Line, at.Column = load.Mark.Line, max(load.Mark.Column, 1)
		}
	}
	what, hint := explainSyntax(message)
	d.problems.AddSecret(at, what, hint)
}
