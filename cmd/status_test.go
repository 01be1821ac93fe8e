package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/rollout/rollouttest"
	"github.com/kplb/kplb/status"
)

// golden compares with a file below testdata; `make golden` writes it anew.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("KPLB_UPDATE_SCRIPTS") != "" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}

// TestStatus of a cluster: for people and for programs, before an apply and after.
func TestStatus(t *testing.T) {
	const no = "kplb: not every node is as the inventory says, or a VIP is not on one node\n"
	atDesk(t, func(d *desk) {
		golden(d.t, "status/fresh.txt", d.kplb("status").ends(exitNo, no).stdout)
		d.kplb("apply", "--yes").ends(0)
		o := d.kplb("status").ends(0)
		golden(d.t, "status/applied.txt", o.stdout)
		same(d.t, "stderr", o.stderr, "")
		var seen status.Status
		if err := json.Unmarshal([]byte(d.kplb("status", "-o", "json").ends(0).stdout), &seen); err != nil {
			d.t.Fatal(err)
		}
		same(d.t, "who has the VIP", seen.VIPs[0].Holders, []string{"node-1"})
		d.Change("node-3", func(n *rollouttest.Node) { n.Unreachable = true })
		o = d.kplb("status").ends(exitNo, "node-3: is not reachable: no route to host")
		same(d.t, "stderr", o.stderr, no+"kplb: hint: is it on?\n")
		d.kplb("status", "--interval", "1ms").says(exitUsage, "", "kplb: interval must be between 100ms and 1h, not 1ms\nkplb: hint: see `kplb --help`, and `kplb COMMAND --help`\n")
		d.kplb("status", "-o", "yaml").ends(exitUsage, "output must be text or json, not \"yaml\"")
	})
}

// TestStatusWatch shows the cluster until it is interrupted, and then what was
// seen last is the answer.
func TestStatusWatch(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		ctx, interrupt := context.WithTimeout(d.t.Context(), 3500*time.Millisecond)
		defer interrupt()
		o := d.kplbIn(ctx, strings.NewReader(""), "status", "--watch", "--interval", "1s")
		same(d.t, "exit code", o.code, 0)
		same(d.t, "stderr", o.stderr, "")
		same(d.t, "times that it was shown", strings.Count(o.stdout, "  cluster home\nVIP 10.1.233.1 on node-1\n"), 4)
	})
}

// TestWatchStatus ends with the last answer when it is interrupted, not with
// the interruption.
func TestWatchStatus(t *testing.T) {
	t.Parallel()
	cluster, err := inventory.Parse("cluster.yaml", []byte("apiVersion: kplb/v1alpha1\nkind: Cluster\nname: home\nvip: 10.1.233.1\nnodes:\n  - {name: a, address: 10.1.1.1}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for format, begins := range map[string]string{"text": "  cluster home\nVIP 10.1.233.1 on NO NODE\n", "json": "{\n  \"cluster\": \"home\",\n"} {
		ctx, interrupt := context.WithCancel(t.Context())
		dials := 0
		r := &rollout.Rollout{Fleet: &fleet.Fleet{Cluster: cluster, Dial: func(context.Context, inventory.Node) (node.Host, error) {
			if dials++; dials == 3 {
				interrupt()
			}
			return nil, &remote.Error{Host: "a", Err: remote.ErrUnreachable, Hint: "is it on?"}
		}}}
		var out, diagnostics bytes.Buffer
		s := streams{in: strings.NewReader(""), out: &out, err: &diagnostics}
		err := statusOptions{command: command{streams: &s}, format: format, interval: 100 * time.Millisecond}.watchNodes(ctx, r)
		if code := s.exit(ctx, err); code != exitNo {
			t.Errorf("%s: exit code %d\n%s", format, code, &diagnostics)
		}
		if d := cmp.Diff("kplb: not every node is as the inventory says, or a VIP is not on one node\nkplb: hint: is it on?\n", diagnostics.String()); d != "" {
			t.Errorf("%s:\n%s", format, d)
		}
		if n := strings.Count(out.String(), begins); n < 2 {
			t.Errorf("%s: shown %d times:\n%s", format, n, &out)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	silent := &rollout.Rollout{Fleet: &fleet.Fleet{Cluster: cluster, Dial: func(ctx context.Context, _ inventory.Node) (node.Host, error) { return nil, ctx.Err() }}}
	if err := (statusOptions{command: command{streams: &streams{}}, interval: time.Second}).watchNodes(ended, silent); !errors.Is(err, context.Canceled) {
		t.Errorf("nothing was seen: %v", err)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
