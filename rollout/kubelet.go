package rollout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/remote"
)

// kubeletHealth is the kubelet's health endpoint on the node (healthzPort of its
// configuration).
const kubeletHealth = "http://127.0.0.1:10248/healthz"

// kubeletPatience is how long a healthy kubelet may take to answer.
const kubeletPatience = 5 * time.Second

// refuseKubelets refuses a plan that restarts an apiserver whose kubelet is not healthy:
// the apiserver would not come back.
func refuseKubelets(ctx context.Context, f *fleet.Fleet, p *plan.Plan) error {
	var nodes []inventory.Node
	for _, n := range p.Nodes {
		if n.Manifest != nil && !n.APIServerAway {
			nodes = append(nodes, n.Node)
		}
	}
	var failed fleet.NodeErrors
	if !errors.As(fleet.Each(nodes, func(n inventory.Node) error { return kubeletHealthy(ctx, f, n, p.Facts[n.Name]) }), &failed) {
		return nil
	}
	var refused refusal.Error
	for _, n := range nodes {
		if err := failed[n.Name]; err != nil {
			refused.Refusals = append(refused.Refusals, refusal.Refusal{
				Node: n.Name, What: fmt.Sprintf("its kubelet is not healthy, and would not restart the apiserver: %v", err),
				Hint: "see `systemctl status kubelet` and `journalctl -u kubelet` on the node",
			})
		}
	}
	return &refused
}

// kubeletHealthy asks a kubelet for its health. One without a health endpoint
// (healthzPort: 0) is judged by its unit alone; a node without a kubelet passes.
func kubeletHealthy(ctx context.Context, f *fleet.Fleet, n inventory.Node, found *node.Facts) error {
	name := found.Distribution.Layout().KubeletUnit
	unit := found.Units[name]
	switch {
	case unit.Load != "loaded":
		return nil
	case unit.Active != "active":
		return fmt.Errorf("%s is %s", name, unit.Active)
	}
	h, err := f.Connect(ctx, n)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, kubeletPatience)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DialContext: h.DialContext, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, kubeletHealth, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s does not answer within %s", kubeletHealth, kubeletPatience)
	case err != nil:
		return nil // nothing listens there
	}
	defer response.Body.Close() //nolint:errcheck // it has been read
	said, err := io.ReadAll(io.LimitReader(response.Body, 200))
	if err != nil || response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %d %s", kubeletHealth, response.StatusCode, remote.Clean(strings.TrimSpace(string(said))))
	}
	return nil
}
