package rollout

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
)

// api speaks with one apiserver as the cluster's administrator.
type api struct {
	base   string
	client *http.Client
}

// apiLimit bounds an object that is read, in bytes: etcd takes no larger one.
const apiLimit = 2 << 20

// administrator is the client certificate of a control-plane node's
// admin.conf, read when it is first needed. It stays in memory.
type administrator struct {
	mu   sync.Mutex
	pair *tls.Certificate
}

func (r *Rollout) administrator(ctx context.Context) (*tls.Certificate, error) {
	r.admin.mu.Lock()
	defer r.admin.mu.Unlock()
	if r.admin.pair != nil {
		return r.admin.pair, nil
	}
	errs := []error{errors.New("no control-plane node gives its " + adminPath)}
	for _, n := range r.present() {
		h, err := r.host(ctx, n)
		if err == nil {
			if r.admin.pair, err = administratorOf(ctx, h); err == nil {
				return r.admin.pair, nil
			}
		}
		errs = append(errs, fmt.Errorf("%s: %w", n.Name, err))
	}
	return nil, errors.Join(errs...)
}

func administratorOf(ctx context.Context, h Host) (*tls.Certificate, error) {
	kubeconfig, err := node.AdminKubeconfig(ctx, h)
	if err != nil {
		return nil, err
	}
	certificate, key, err := kubeadm.Client(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("%s %w", adminPath, err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("%s has no key pair that fits: %w", adminPath, err)
	}
	return &pair, nil
}

// api connects to the first apiserver that is ready, from here or from its
// node.
func (r *Rollout) api(ctx context.Context) (*api, error) {
	ca, err := r.authority()
	if err != nil {
		return nil, err
	}
	pair, err := r.administrator(ctx)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, n := range r.present() {
		a := &api{base: "https://" + apiserverOf(r.Cluster, n).String(), client: &http.Client{
			Timeout: 2 * probeTimeout,
			Transport: &http.Transport{
				DialContext:     r.fromHereOr(r.hosts[n.Name]),
				TLSClientConfig: &tls.Config{RootCAs: ca, Certificates: []tls.Certificate{*pair}, MinVersion: tls.VersionTLS12},
			},
		}}
		if _, err = a.do(ctx, http.MethodGet, "/readyz", nil); err == nil {
			return a, nil
		}
		a.close()
		errs = append(errs, fmt.Errorf("%s: %w", n.Name, err))
	}
	return nil, fmt.Errorf("no apiserver answers its administrator:\n%w", errors.Join(errs...))
}

// fromHereOr dials directly, or from the node where there is no way.
func (r *Rollout) fromHereOr(h Host) DialFunc {
	here := r.fromHere()
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := here(ctx, network, address)
		if err != nil && h != nil {
			return h.DialContext(ctx, network, address)
		}
		return c, err
	}
}

func (a *api) close() { a.client.CloseIdleConnections() }

// errNotFound is of an object that is not there.
var errNotFound = errors.New("is not there")

func (a *api) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it has been read
	answer, err := io.ReadAll(io.LimitReader(response.Body, apiLimit))
	switch {
	case err != nil:
		return nil, err
	case response.StatusCode == http.StatusNotFound:
		return nil, errNotFound
	case response.StatusCode/100 != 2:
		var status struct{ Message string }
		_ = json.Unmarshal(answer, &status) // what is no Status has no message
		return nil, fmt.Errorf("the apiserver answers %d %s", response.StatusCode, remote.Clean(shorten(status.Message)))
	}
	return answer, nil
}

// configMap reads a ConfigMap; errNotFound where there is none.
func (a *api) configMap(ctx context.Context, namespace, name string) (*configMap, error) {
	answer, err := a.do(ctx, http.MethodGet, configMapPath(namespace, name), nil)
	if err != nil {
		return nil, err
	}
	return parseConfigMap(answer)
}

// replace writes a ConfigMap that was read, unless somebody else has since.
func (a *api) replace(ctx context.Context, c *configMap) error {
	body, err := json.Marshal(c.object)
	if err != nil {
		return err
	}
	_, err = a.do(ctx, http.MethodPut, configMapPath(c.namespace, c.name), body)
	return err
}

func configMapPath(namespace, name string) string {
	return "/api/v1/namespaces/" + namespace + "/configmaps/" + name
}
