package apiserver

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// EtcdHealth asks the etcd of a node, through the node. It is not known where
// there is no connection to the node, or nothing listens.
func (p *ControlPlane) EtcdHealth(ctx context.Context, node string) (known, healthy bool) {
	through := p.Through[node]
	if through == nil {
		return false, false
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DialContext: through, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.EtcdHealthURL, nil)
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
