package inventory

import (
	"fmt"
	"strings"
)

// Join lists addresses, names or whatever else has a text, with the separator
// between them.
func Join[T fmt.Stringer](all []T, separator string) string {
	out := make([]string, len(all))
	for i, a := range all {
		out[i] = a.String()
	}
	return strings.Join(out, separator)
}
