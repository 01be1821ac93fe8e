package inventory

// node is one value of the file with its place. It stands between the YAML
// library, which only decode.go knows, and everything that gives a value a
// meaning.
type node struct {
	at      Position
	kind    kind
	text    string  // of a scalar, unquoted
	quoted  bool    // the scalar stood in quotes or in a block
	entries []entry // of a mapping, in the order of the file
	items   []*node // of a sequence
}

// entry is a key of a mapping with its value.
type entry struct {
	key   string
	at    Position // of the key
	value *node
}

// kind is what a value was written as.
type kind int

const (
	refused kind = iota // already reported: ask nothing more about it
	absent              // nothing, ~ or null
	text
	number
	boolean
	date
	sequence
	mapping
)

// String is the kind as a message says it.
func (k kind) String() string {
	return map[kind]string{
		text: "a string", number: "a number", boolean: "a boolean", date: "a date",
		sequence: "a list", mapping: "a mapping",
	}[k]
}
