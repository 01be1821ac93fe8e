package kubeadm

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// addSANs adds items to apiServer.certSANs, after those that are there.
func (d *document) addSANs(sans []string) ([]edit, error) {
	if len(sans) == 0 {
		return nil, nil
	}
	var items []string
	for _, san := range sans {
		items = append(items, scalar(san))
	}
	list := child(child(d.root, "apiServer"), "certSANs")
	switch {
	case list == nil || list.Tag == "!!null":
		return d.place("certSANs", indented("- ", items))
	case list.Style&flow != 0:
		return one(d.extend(list, sans))
	}
	last := list.Content[len(list.Content)-1]
	head, err := d.dash(last)
	if err != nil {
		return nil, err
	}
	return []edit{d.below(last.Line, indented(head, items)...)}, nil
}

func one(e edit, err error) ([]edit, error) { return []edit{e}, err }

// place puts lines below a key of apiServer that is not there, or has no value.
func (d *document) place(name string, lines []string) ([]edit, error) {
	below := append([]string{name + ":"}, lines...)
	key, api := entry(d.root, "apiServer")
	nameKey, value := entry(api, name)
	switch {
	case api == nil:
		return one(d.insert(d.root, "apiServer", append([]string{"apiServer:"}, indented("  ", below)...)...))
	case !given(api):
		return d.open(key, api, indented("  ", below))
	case value == nil:
		return one(d.insert(api, name, below...))
	}
	return d.open(nameKey, value, lines)
}

func indented(by string, lines []string) []string {
	moved := make([]string, len(lines))
	for i, line := range lines {
		moved[i] = by + line
	}
	return moved
}

// dash returns what stands before an item of a block list: spaces and a dash.
func (d *document) dash(item *yaml.Node) (string, error) {
	from, _ := d.line(item.Line)
	head := string(d.source[from:d.at(item)])
	_, to, err := d.span(item, "an item of certSANs")
	if err != nil {
		return "", err
	}
	if strings.Trim(head, " -") != "" || strings.Count(head, "-") != 1 || !d.endsLine(item.Line, to) {
		return "", fmt.Errorf("line %d: an item of certSANs is not alone on its line", item.Line)
	}
	return head, nil
}

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

// extend adds items to a list in brackets.
func (d *document) extend(list *yaml.Node, sans []string) (edit, error) {
	quoted := `"` + strings.Join(sans, `", "`) + `"`
	if len(list.Content) == 0 {
		at := d.at(list) + 1
		if d.source[at-1] != '[' {
			return edit{}, fmt.Errorf("line %d: certSANs is written in a form that is not edited", list.Line)
		}
		return edit{at, at, quoted}, nil
	}
	_, at, err := d.span(list.Content[len(list.Content)-1], "an item of certSANs")
	return edit{at, at, ", " + quoted}, err
}

// dropSANs takes items out of apiServer.certSANs, and out of c.
func (d *document) dropSANs(c *Cluster, sans []string) ([]edit, error) {
	goes := map[string]bool{}
	for _, san := range sans {
		goes[spelling(san)] = true
	}
	items, err := d.sanList()
	if err != nil {
		return nil, err
	}
	c.CertSANs = nil
	out := make([]bool, len(items))
	for i, item := range items {
		if out[i] = goes[spelling(item.Value)]; !out[i] {
			c.CertSANs = append(c.CertSANs, item.Value)
		}
	}
	if len(c.CertSANs) == len(items) {
		return nil, nil
	}
	if child(child(d.root, "apiServer"), "certSANs").Style&flow != 0 {
		return d.cut(items, out)
	}
	return d.dropLines(items, out, len(c.CertSANs) == 0)
}

// dropLines takes items out of a block list, and its key with all of them.
func (d *document) dropLines(items []*yaml.Node, out []bool, all bool) ([]edit, error) {
	var numbers []int
	for i, item := range items {
		if !out[i] {
			continue
		}
		if _, err := d.dash(item); err != nil {
			return nil, err
		}
		numbers = append(numbers, item.Line)
	}
	if all {
		return d.dropKey("certSANs", numbers)
	}
	return d.without(numbers...), nil
}

// dropKey takes a key of apiServer away, and the lines below it. An apiServer
// without any other is {}.
func (d *document) dropKey(name string, below []int) ([]edit, error) {
	apiKey, api := entry(d.root, "apiServer")
	key, _ := entry(api, name)
	if _, err := d.indent(key); err != nil {
		return nil, err
	}
	edits := d.without(append([]int{key.Line}, below...)...)
	if len(api.Content) > 2 {
		return edits, nil
	}
	at, err := d.colon(apiKey)
	return append(edits, edit{at, at, " {}"}), err
}

// cut takes items out of a list in brackets, with the commas between them.
func (d *document) cut(items []*yaml.Node, out []bool) ([]edit, error) {
	begins, ends := make([]int, len(items)), make([]int, len(items))
	for i, item := range items {
		var err error
		if begins[i], ends[i], err = d.span(item, "an item of certSANs"); err != nil {
			return nil, err
		}
	}
	var edits []edit
	for i := 0; i < len(items); i++ {
		if !out[i] {
			continue
		}
		run := i
		for run+1 < len(items) && out[run+1] {
			run++
		}
		e := edit{begins[i], ends[run], ""}
		switch {
		case i > 0:
			e.from = ends[i-1]
		case run+1 < len(items):
			e.to = begins[run+1]
		}
		if bytes.Contains(d.source[e.from:e.to], []byte("#")) {
			return nil, fmt.Errorf("line %d: certSANs is written in a form that is not edited", items[i].Line)
		}
		edits = append(edits, e)
		i = run
	}
	return edits, nil
}
