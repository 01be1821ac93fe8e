package kubeadm

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// stringList is a list of strings in a document.
type stringList struct {
	*document
	key  string
	node *yaml.Node // a sequence
}

// add adds items after those that are there.
func (l stringList) add(values []string) ([]edit, error) {
	if l.node.Style&flow != 0 {
		return one(l.extend(values))
	}
	last := l.node.Content[len(l.node.Content)-1]
	head, err := l.dash(last)
	if err != nil {
		return nil, err
	}
	return []edit{l.below(last.Line, indented(head, scalars(values))...)}, nil
}

// lines are those of the items of a block list that go.
func (l stringList) lines(goes []bool) ([]int, error) {
	var numbers []int
	for i, item := range l.node.Content {
		if !goes[i] {
			continue
		}
		if _, err := l.dash(item); err != nil {
			return nil, err
		}
		numbers = append(numbers, item.Line)
	}
	return numbers, nil
}

// dash returns what stands before an item of a block list: spaces and a dash.
func (l stringList) dash(item *yaml.Node) (string, error) {
	from, _ := l.line(item.Line)
	head := string(l.source[from:l.at(item)])
	_, to, err := l.span(item, "an item of "+l.key)
	if err != nil {
		return "", err
	}
	if strings.Trim(head, " -") != "" || strings.Count(head, "-") != 1 || !l.endsLine(item.Line, to) {
		return "", fmt.Errorf("line %d: an item of %s is not alone on its line", item.Line, l.key)
	}
	return head, nil
}

// extend adds items to a list in brackets.
func (l stringList) extend(values []string) (edit, error) {
	quoted := `"` + strings.Join(values, `", "`) + `"`
	if len(l.node.Content) == 0 {
		at := l.at(l.node) + 1
		if l.source[at-1] != '[' {
			return edit{}, fmt.Errorf("line %d: %s is written in a form that is not edited", l.node.Line, l.key)
		}
		return edit{at, at, quoted}, nil
	}
	_, at, err := l.span(l.node.Content[len(l.node.Content)-1], "an item of "+l.key)
	return edit{at, at, ", " + quoted}, err
}

// cut takes items out of a list in brackets, with the commas between them.
func (l stringList) cut(goes []bool) ([]edit, error) {
	items := l.node.Content
	begins, ends := make([]int, len(items)), make([]int, len(items))
	for i, item := range items {
		var err error
		if begins[i], ends[i], err = l.span(item, "an item of "+l.key); err != nil {
			return nil, err
		}
	}
	var edits []edit
	for i := 0; i < len(items); i++ {
		if !goes[i] {
			continue
		}
		run := i
		for run+1 < len(items) && goes[run+1] {
			run++
		}
		e := edit{begins[i], ends[run], ""}
		switch {
		case i > 0:
			e.from = ends[i-1]
		case run+1 < len(items):
			e.to = begins[run+1]
		}
		if bytes.Contains(l.source[e.from:e.to], []byte("#")) {
			return nil, fmt.Errorf("line %d: %s is written in a form that is not edited", items[i].Line, l.key)
		}
		edits = append(edits, e)
		i = run
	}
	return edits, nil
}
