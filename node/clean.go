package node

import "github.com/kplb/kplb/remote"

// Clean makes text of a node fit for a terminal and a log, as remote.Clean does:
// for packages that work on what was read, and reach no machine.
func Clean(text string) string { return remote.Clean(text) }
