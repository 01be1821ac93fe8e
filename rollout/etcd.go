package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/kplb/kplb/inventory"
)

// etcdHealth is where the etcd of a kubeadm node tells its health, to the
// node itself (--listen-metrics-urls).
const etcdHealth = "http://127.0.0.1:2381/health"

// etcdQuorate wants a majority of etcd's members healthy. Clusters whose
// nodes have no etcd of their own are not judged.
func (r *Rollout) etcdQuorate(ctx context.Context, without inventory.Node) error {
	healthy, members := 0, 0
	var sick []string
	for _, n := range r.Cluster.Nodes {
		if r.absent[n.Name] {
			continue
		}
		known, ok := r.etcdHealthy(ctx, r.hosts[n.Name])
		if !known {
			continue
		}
		members++
		if ok {
			healthy++
		} else {
			sick = append(sick, n.Name)
		}
	}
	if members == 0 {
		return nil
	}
	if majority := len(r.Cluster.Nodes)/2 + 1; healthy < majority {
		return fmt.Errorf("%s: its apiserver is not restarted: etcd has %d healthy members, fewer than the majority of %d; not healthy: %v",
			without.Name, healthy, majority, sick)
	}
	return nil
}

// etcdHealthy asks one member. It is not known where nothing listens.
func (r *Rollout) etcdHealthy(ctx context.Context, h Host) (known, healthy bool) {
	if h == nil {
		return false, false
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DialContext: h.DialContext, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, etcdHealth, nil)
	if err != nil {
		return false, false
	}
	response, err := client.Do(request)
	if err != nil {
		return ctx.Err() != nil, false
	}
	defer response.Body.Close() //nolint:errcheck // it has been read
	var answer struct {
		Health string `json:"health"`
	}
	err = json.NewDecoder(io.LimitReader(response.Body, 4096)).Decode(&answer)
	return true, err == nil && answer.Health == "true"
}
