// Package templates holds the built-in templates. A directory of a user's own
// can override each of them by name.
package templates

import (
	"embed"
	"io/fs"
)

//go:embed *.tmpl
var builtin embed.FS

// Builtin returns the templates that kplb ships, one file each, at the top
// level.
func Builtin() fs.FS { return builtin }
