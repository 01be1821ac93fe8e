package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kplb/kplb/haproxy"
)

// readBackBalancing finds what HAProxy accepts and clients would not: TLS that
// is read as HTTP, and health checks that ask an apiserver for what it does not
// have. The binds are those of the apiservers. Services are not HTTP to kplb:
// what their sections ask for is up to whoever wrote the template.
func readBackBalancing(config haproxy.Config, binds, services []string) []error {
	var errs []error
	ofServices := config.Behind(services)
	for _, s := range config {
		for _, l := range s.Lines {
			if path := l.CheckedPath(); path != "" && !ofServices[s.ID()] && !slices.Contains(healthPaths, path) {
				errs = append(errs, fmt.Errorf("%s checks %s, which is none of %s", HAProxyPath, path, strings.Join(healthPaths, ", ")))
			}
		}
	}
	modes := config.Modes()
	for _, section := range slices.Sorted(maps.Keys(config.Behind(binds))) {
		if m := modes[section]; m != "" && m != "tcp" {
			errs = append(errs, fmt.Errorf("%s has %s in mode %s: clients speak TLS with the apiserver, it has to be tcp", HAProxyPath, section, m))
		}
	}
	return errs
}

// healthPaths are what an apiserver answers to everybody about its own health.
var healthPaths = []string{"/readyz", "/livez", "/healthz"}
