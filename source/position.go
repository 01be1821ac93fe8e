package source

import (
	"fmt"
	"strings"
)

// Position is a place in the inventory file; lines and columns count from 1.
type Position struct {
	File         string
	Line, Column int
}

// String is file:line:column, or the file alone when the line is not known.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Positions are the places of values in the inventory file, by their paths, which
// are like "vip" or "nodes[1].address".
type Positions map[string]Position

// Of is where path stands in the file. For what is not in the file it is the place
// of the nearest thing around it that is.
func (all Positions) Of(path string) Position {
	for {
		if p, ok := all[path]; ok || path == "" {
			return p
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
}
