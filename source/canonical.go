package source

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Canonical is a document in one form: its keys and values as they are written and in
// their order, without comments, each item of a list on a line of its own. Whoever reads it
// gets the same values.
func Canonical(root *Value) []byte {
	var b strings.Builder
	for _, e := range root.Entries {
		b.WriteString(plainText(e.Key) + ":")
		if e.Value.Kind == Sequence && len(e.Value.Items) > 0 {
			b.WriteString("\n")
			for _, item := range e.Value.Items {
				b.WriteString("- " + flow(item) + "\n")
			}
			continue
		}
		b.WriteString(" " + flow(e.Value) + "\n")
	}
	return []byte(b.String())
}

// flow writes a value on one line.
func flow(n *Value) string {
	var parts []string
	switch n.Kind {
	case Refused, Absent:
		return "~"
	case Sequence:
		for _, item := range n.Items {
			parts = append(parts, flow(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case Mapping:
		for _, e := range n.Entries {
			parts = append(parts, plainText(e.Key)+": "+flow(e.Value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case Number, Boolean, Date:
		return n.Text
	case Text:
	}
	if n.Quoted {
		return strconv.Quote(n.Text)
	}
	return plainText(n.Text)
}

// plainForm are the texts that mean themselves without quotes, unless YAML has another
// meaning for them.
var plainForm = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9_./@+-]*$`)

// plainText writes a text without quotes where it can do so.
func plainText(s string) string {
	meant := []string{"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
	if plainForm.MatchString(s) && !slices.Contains(meant, strings.ToLower(s)) {
		return s
	}
	return strconv.Quote(s)
}
