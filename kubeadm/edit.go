package kubeadm

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// edit puts text in place of the bytes between from and to.
type edit struct {
	from, to int
	text     string
}

func one(e edit, err error) ([]edit, error) { return []edit{e}, err }

// set makes value what a scalar says. Quotes stay as they are.
func (d *document) set(n *yaml.Node, what, value string) (edit, error) {
	from, to, err := d.span(n, what)
	if err != nil {
		return edit{}, err
	}
	if !harmless(value) {
		return edit{}, fmt.Errorf("cannot take %q as %s", value, what)
	}
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		value = `"` + value + `"`
	case n.Style&yaml.SingleQuotedStyle != 0:
		value = `'` + value + `'`
	default:
		value = scalar(value)
	}
	if from == to { // nothing was there, and the colon wants a space
		value = " " + value
	}
	return edit{from, to, value}, nil
}

// below adds lines after a line.
func (d *document) below(number int, lines ...string) edit {
	_, at := d.line(number)
	var text strings.Builder
	for _, line := range lines {
		text.WriteString(d.ending() + line)
	}
	return edit{at, at, text.String()}
}

// insert adds an entry to a mapping, where kubeadm would write it: the keys of
// its files are sorted. Where it cannot be seen what ends the last entry, one
// that comes after it stands before it.
func (d *document) insert(mapping *yaml.Node, key string, lines ...string) (edit, error) {
	if mapping.Style&flow != 0 {
		return edit{}, fmt.Errorf("line %d: is in flow style, to which %s is not added", mapping.Line, key)
	}
	next, isLast := mapping.Content[len(mapping.Content)-2], true
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value > key {
			next, isLast = mapping.Content[i], false
			break
		}
	}
	indent, err := d.indent(next)
	if err != nil {
		return edit{}, err
	}
	lines = indented(indent, lines)
	if number, ok := d.lastLine(mapping); ok && isLast {
		return d.below(number, lines...), nil
	}
	at, _ := d.line(next.Line)
	return edit{at, at, strings.Join(lines, d.ending()) + d.ending()}, nil
}

// lastLine returns the line that ends a node, if that is a scalar's.
func (d *document) lastLine(n *yaml.Node) (int, bool) {
	for len(n.Content) > 0 {
		n = n.Content[len(n.Content)-1]
	}
	_, to, err := d.span(n, n.Value)
	return n.Line, err == nil && d.endsLine(n.Line, to)
}

// endsLine says whether nothing but a comment stands behind a place.
func (d *document) endsLine(number, at int) bool {
	_, end := d.line(number)
	behind := bytes.TrimLeft(d.source[min(at, end):end], " ")
	return len(behind) == 0 || behind[0] == '#'
}

// without takes lines away; their numbers ascend.
func (d *document) without(numbers ...int) []edit {
	var edits []edit
	for len(numbers) > 0 {
		run := 1
		for run < len(numbers) && numbers[run] == numbers[0]+run {
			run++
		}
		from, _ := d.line(numbers[0])
		last := numbers[run-1]
		to := len(d.source)
		if last < len(d.starts) {
			to = d.starts[last]
		} else if numbers[0] > 1 && !bytes.HasSuffix(d.source, []byte("\n")) {
			_, from = d.line(numbers[0] - 1) // the line before is the one without an end now
		}
		edits = append(edits, edit{from, to, ""})
		numbers = numbers[run:]
	}
	return edits
}

// apply returns the text with the edits made. They do not overlap.
func (d *document) apply(edits []edit) []byte {
	slices.SortStableFunc(edits, func(a, b edit) int { return a.from - b.from })
	var edited bytes.Buffer
	done := 0
	for _, e := range edits {
		edited.Write(d.source[done:max(done, e.from)])
		edited.WriteString(e.text)
		done = max(done, e.to)
	}
	edited.Write(d.source[done:])
	return edited.Bytes()
}

// drop takes an entry out of a mapping of the tree.
func drop(mapping *yaml.Node, key string) {
	for i := 0; mapping != nil && i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			mapping.Content = slices.Delete(mapping.Content, i, i+2)
			return
		}
	}
}

// same says whether two trees mean the same.
func same(a, b *yaml.Node) bool {
	return a.Kind == b.Kind && a.Tag == b.Tag && a.Value == b.Value && slices.EqualFunc(a.Content, b.Content, same)
}
