package kubeadm

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// largest is the size of the biggest text that is read: hundreds of times what
// kubeadm writes.
const largest = 1 << 20

// document is a text and the tree that was read from it: the tree says where
// the text is edited.
type document struct {
	source []byte
	starts []int // where its lines begin
	root   *yaml.Node
}

func read(source []byte) (*document, error) {
	if len(source) > largest {
		return nil, fmt.Errorf("has %d bytes, more than 1 MiB", len(source))
	}
	root, err := parse(source)
	if err != nil {
		return nil, err
	}
	return newDocument(source, root), nil
}

func newDocument(source []byte, root *yaml.Node) *document {
	d := &document{source: source, root: root, starts: []int{0}}
	for i, b := range source {
		if b == '\n' && i+1 < len(source) {
			d.starts = append(d.starts, i+1)
		}
	}
	return d
}

// line returns where a line begins and ends, without what ends it.
func (d *document) line(number int) (from, to int) {
	if number > len(d.starts) { // where the library says that something is missing
		return len(d.source), len(d.source)
	}
	from, to = d.starts[number-1], len(d.source)
	if number < len(d.starts) {
		to = d.starts[number]
	}
	return from, from + len(bytes.TrimSuffix(bytes.TrimSuffix(d.source[from:to], []byte("\n")), []byte("\r")))
}

// at returns where a node is written. The library counts characters.
func (d *document) at(n *yaml.Node) int {
	from, to := d.line(n.Line)
	if n.Line == 1 && bytes.HasPrefix(d.source, []byte("\ufeff")) {
		from += len("\ufeff")
	}
	for range n.Column - 1 {
		_, size := utf8.DecodeRune(d.source[from:to])
		from += size
	}
	return from
}

// span returns where a scalar that is written on one line begins and ends, its
// quotes included. What is the name of the value for people.
func (d *document) span(n *yaml.Node, what string) (from, to int, err error) {
	from = d.at(n)
	_, end := d.line(n.Line)
	written, _, ok := cutScalar(d.source[from:end], n)
	const other = yaml.TaggedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	if !ok || n.Kind != yaml.ScalarNode || n.Anchor != "" || n.Style&other != 0 {
		return 0, 0, fmt.Errorf("line %d: %s is written in a form that is not edited", n.Line, what)
	}
	return from, from + len(written), nil
}

// indent returns what stands before a key, if that is nothing but spaces.
func (d *document) indent(key *yaml.Node) (string, error) {
	from, _ := d.line(key.Line)
	head := string(d.source[from:d.at(key)])
	if strings.Trim(head, " ") != "" {
		return "", fmt.Errorf("line %d: %q is not the first on its line", key.Line, key.Value)
	}
	return head, nil
}

// colon returns where the colon after a key ends.
func (d *document) colon(key *yaml.Node) (int, error) {
	_, at, err := d.span(key, key.Value)
	if err != nil {
		return 0, err
	}
	_, end := d.line(key.Line)
	behind := d.source[at:end]
	gap := len(behind) - len(bytes.TrimLeft(behind, " "))
	if !bytes.HasPrefix(behind[gap:], []byte(":")) {
		return 0, fmt.Errorf("line %d: %q is written in a form that is not edited", key.Line, key.Value)
	}
	return at + gap + 1, nil
}

// ending returns how the lines of the text end.
func (d *document) ending() string {
	if i := bytes.IndexByte(d.source, '\n'); i > 0 && d.source[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}
