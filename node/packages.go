package node

import (
	"context"
	"strings"

	"github.com/kplb/kplb/remote"
)

// PackagesRequest installs packages with apt.
type PackagesRequest struct {
	Names     []string
	Token     string // of the lock that the operator holds
	FetchOnly bool   // stop after they have been fetched, before anything is changed
}

// InstallPackages installs packages that are missing. What goes wrong before
// anything is changed is a RefusedError.
func InstallPackages(ctx context.Context, h Host, q PackagesRequest) error {
	return run(ctx, h, q.script(), nil)
}

func (q PackagesRequest) script() remote.Script {
	return script("packages", map[string]string{"KPLB_PACKAGES": strings.Join(q.Names, " "), "KPLB_TOKEN": q.Token, "KPLB_CHECK": flag(q.FetchOnly)})
}
