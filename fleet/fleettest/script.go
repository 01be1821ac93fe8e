package fleettest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/remote"
)

// Inspected are the facts of a node whose program says this.
func Inspected(t testing.TB, said ...remote.Record) *node.Facts {
	t.Helper()
	h := Scripted(func(each func(remote.Record) error) error {
		var errs error
		for _, r := range append(slices.Clone(said), nodetest.Record("done")) {
			errs = errors.Join(errs, each(r))
		}
		return errs
	})
	f, err := node.Inspect(t.Context(), h, kubeadm.Distribution{}, node.InspectRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// scriptedHost is a node.Host whose programs do this.
type scriptedHost struct {
	node.Host
	do func(each func(remote.Record) error) error
}

// Scripted is a host of that kind.
func Scripted(do func(each func(remote.Record) error) error) node.Host { return scriptedHost{nil, do} }

func (scriptedHost) Name() string { return "node-1" }

func (h scriptedHost) Run(_ context.Context, _ remote.Script, each func(remote.Record) error) error {
	return h.do(each)
}
