package node

import (
	"regexp"
	"strings"
)

// stateForm is how keepalived says that an instance has another state:
//
//	(KPLB) Entering BACKUP STATE (init)
//	(KPLB): entering FAULT state (tracked file kplb_haproxy has status -254)
var stateForm = regexp.MustCompile(`^\(([A-Za-z0-9_.-]{1,64})\):? [Ee]ntering (MASTER|BACKUP|FAULT) (?:STATE|state)`)

// parseStates reads keepalived's lines, the newest first: the first of an
// instance counts.
func parseStates(journal string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(journal) {
		m := stateForm.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if _, newer := out[m[1]]; !newer {
			out[m[1]] = m[2]
		}
	}
	return out
}
