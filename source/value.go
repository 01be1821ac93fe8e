package source

// Value is one value of the file with its place. It stands between the YAML
// library, which only decode.go knows, and everything that gives a value a
// meaning.
type Value struct {
	Pos     Position
	Kind    Kind
	Text    string   // of a scalar, unquoted
	Quoted  bool     // the scalar stood in quotes or in a block
	Entries []Entry  // of a mapping, in the order of the file
	Items   []*Value // of a sequence
}

// Entry is a key of a mapping with its value.
type Entry struct {
	Key   string
	Pos   Position // of the key
	Value *Value
}

// Kind is what a value was written as.
type Kind int

// The kinds.
const (
	Refused Kind = iota // already reported: ask nothing more about it
	Absent              // nothing, ~ or null
	Text
	Number
	Boolean
	Date
	Sequence
	Mapping
)

// String is the kind as a message says it.
func (k Kind) String() string {
	return map[Kind]string{
		Text: "a string", Number: "a number", Boolean: "a boolean", Date: "a date",
		Sequence: "a list", Mapping: "a mapping",
	}[k]
}
