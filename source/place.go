// Package source reads a YAML file as it is written, and says of everything that is wrong
// with it where that is, what it is and what to write instead. What keys there are and what
// their values mean is the caller's.
//
// The package guarantees:
//
//   - Syntax is all that the YAML library decides. A value means what stands in its place:
//     aliases, anchors, tags and merge keys are refused, and so are duplicate keys, a second
//     document, and characters that a reader does not see.
//   - All problems of a file are reported at once, in its order, each as file:line:col.
//   - What may be a secret is repeated in no message and no excerpt.
//   - It works on the bytes that it is given, and does no I/O.
package source

// Place is where something stands in the file.
type Place struct {
	Pos    Position
	Path   string // like nodes[1].address
	Given  bool   // is in the file, rightly or wrongly
	Hidden bool   // may be a secret
}

// Section is the place of a mapping; every document type that is one has it.
type Section struct {
	Place
	OK    bool // is a mapping
	Empty bool // has no keys
}

// Scalar is a single value that still has to be given a type.
type Scalar struct {
	Place
	OK     bool // is a scalar
	Kind   Kind
	Text   string
	Quoted bool
}

// Words is a single value or a list of them.
type Words struct {
	Place
	Items []Scalar
	List  bool // was written as a list
}
