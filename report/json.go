// Package report is how results read: tables and lines for people, and JSON for programs.
//
// The package guarantees that nothing secret is in either, that the JSON has whatever the
// text says, and that the same result always reads the same.
package report

import (
	"encoding/json"
	"io"
)

// JSON writes a result for programs.
func JSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
