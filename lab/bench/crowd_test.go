//go:build bench

package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/remote/remotetest"
	"github.com/kplb/kplb/rollout"
)

// capture keeps what a node of the lab answers to the inspection.
func (b *bench) capture() (file string) {
	data, err := os.ReadFile(filepath.Join(b.Root, "examples/lab.yaml"))
	if err != nil {
		b.t.Fatal(err)
	}
	c, err := inventory.Parse("lab.yaml", data)
	if err != nil {
		b.t.Fatal(err)
	}
	c.Nodes = c.Nodes[:1]
	var answer []remote.Record
	r := &rollout.Rollout{Fleet: &fleet.Fleet{Cluster: c, Dial: func(ctx context.Context, n inventory.Node) (node.Host, error) {
		h, err := remote.Dial(ctx, remote.Target{Name: n.Name, Host: n.Name, User: "pi"}, b.options())
		return listener{h, &answer}, err
	}}}
	defer r.Fleet.Close()
	if _, err := r.Fleet.Inspect(b.t.Context(), fleet.Inspection{}); err != nil {
		b.t.Fatal(err)
	}
	text, err := json.Marshal(answer)
	file = filepath.Join(b.dir, "answer.json")
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return file
}

// listener is a host whose records are kept.
type listener struct {
	node.Host
	heard *[]remote.Record
}

func (l listener) Run(ctx context.Context, s remote.Script, each func(remote.Record) error) error {
	return l.Host.Run(ctx, s, func(r remote.Record) error {
		*l.heard = append(*l.heard, r)
		return each(r)
	})
}

// TestServe is the process of the simulated nodes, until its input ends.
func TestServe(t *testing.T) {
	var answer []remote.Record
	read(t, os.Getenv(crowd), &answer)
	s := remotetest.NewServer(t, remotetest.Options{User: "pi", Scripts: map[string]remotetest.Handler{
		"inspect": func(c *remotetest.Call) int {
			for _, r := range answer {
				c.Record(r.Key, r.Fields...)
			}
			return 0
		},
	}})
	var at place
	at.Target, at.Options.KnownHosts = s.Target(), []string{s.KnownHosts()}
	if err := json.NewEncoder(os.Stdout).Encode(at); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	fmt.Println()
}
