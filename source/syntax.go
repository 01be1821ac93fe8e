package source

import "strings"

// explainSyntax says what a message of the YAML library means for the person
// who wrote the file.
func explainSyntax(message string) (what, hint string) {
	for _, known := range syntaxes {
		if strings.Contains(message, known.message) {
			return known.what, known.hint
		}
	}
	const compare = "compare with examples/full.yaml"
	if strings.ContainsAny(message, `'"`) { // may quote what the file says, and that may be a secret
		return "the file is not YAML from here on", compare
	}
	return "the file is not YAML from here on: " + message, compare
}

// syntaxes says the library's commonest messages in a person's words.
var syntaxes = []struct{ message, what, hint string }{
	{"found character that cannot start any token", "a character stands where no value can begin (a tab, %, @ or `)", "indent with spaces, and put such a value in quotes"},
	{"tab character", "a tab stands in the indentation", "indent with spaces"},
	{"mapping values are not allowed in this context", "a colon stands inside a value, or the line is indented differently from the one above", "give every key its own line, indented like its neighbours"},
	{"could not find expected ':'", "a key has no colon", "write key: value"},
	{"did not find expected key", "the line is indented differently from those above", "indent all keys of one mapping alike"},
	{"did not find expected '-' indicator", "a list item is missing its dash, or is indented differently", "begin every item of the list with - in the same column"},
	{"did not find expected ',' or", "a { or [ is not closed, or a comma is missing", "separate the values with commas and close with } or ]"},
	{"did not find expected node content", "a value is missing, or a { or [ is not closed", "write the value, and close with } or ]"},
	{"found unexpected end of stream", "a quote is not closed before the end of the file", "close the quote"},
	{"found unknown escape character", "a backslash in double quotes begins an unknown escape", "use single quotes"},
	{"unknown anchor", "an alias (*) stands for another value, and that is not there", "write the value out"},
	{"found incompatible YAML document", "a %YAML directive asks for another version of YAML", "leave the directive out"},
	{"found unknown directive name", "a directive (%) stands here", "leave the directive out"},
	{"depth", "the file is nested too deeply", "write what examples/full.yaml shows"},
	{"block sequence entries are not allowed", "a dash stands where no list can begin", "begin the list on a line of its own, below its key"},
	{"did not find expected <document start>", "the document ended above, and something follows", "keep one cluster in a file, and indent all its lines alike"},
	{"invalid Unicode character", "an escape names a character that does not exist", "write the character itself"},
}
