package apiserver

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"

	"github.com/kplb/kplb/kubeadm"
)

// Client speaks with one apiserver as the cluster's administrator. Close ends
// its connections.
type Client struct {
	base   string
	client *http.Client
}

// objectLimit bounds an object that is read, in bytes: etcd takes no larger one.
const objectLimit = 2 << 20

// KeyPair is the client certificate of a kubeconfig.
func KeyPair(kubeconfig []byte) (*tls.Certificate, error) {
	certificate, key, err := kubeadm.Client(kubeconfig)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("has no key pair that fits: %w", err)
	}
	return &pair, nil
}

// Client connects to the first apiserver that is ready, from this machine or
// through its node. It needs Credentials.
func (p *ControlPlane) Client(ctx context.Context) (*Client, error) {
	pair, err := p.Credentials(ctx)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, n := range p.Present() {
		transport := Endpoint{CA: p.CA, Dial: p.dialTo(n.Name)}.transport("")
		transport.TLSClientConfig.Certificates = []tls.Certificate{*pair}
		c := &Client{"https://" + p.Cluster.APIServerAddress(n).String(), &http.Client{Timeout: 2 * probeTimeout, Transport: transport}}
		if _, err = c.do(ctx, http.MethodGet, "/readyz", nil); err == nil {
			return c, nil
		}
		c.Close()
		errs = append(errs, fmt.Errorf("%s: %w", n.Name, err))
	}
	return nil, fmt.Errorf("no apiserver answers its administrator:\n%w", errors.Join(errs...))
}

// Close ends the connections.
func (c *Client) Close() { c.client.CloseIdleConnections() }

// errNotFound says that there is no such object.
var errNotFound = errors.New("is not there")

func (c *Client) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it has been read
	answer, err := io.ReadAll(io.LimitReader(response.Body, objectLimit))
	switch {
	case err != nil:
		return nil, err
	case response.StatusCode == http.StatusNotFound:
		return nil, errNotFound
	case response.StatusCode/100 != 2:
		var status struct{ Message string }
		_ = json.Unmarshal(answer, &status) // what is no Status has no message
		return nil, fmt.Errorf("the apiserver answers %d %s", response.StatusCode, printable(shorten(status.Message)))
	}
	return answer, nil
}

// printable removes what does not belong on a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
}

// ClusterConfiguration is kubeadm's, as the cluster keeps it; empty where the
// ConfigMap has none.
func (c *Client) ClusterConfiguration(ctx context.Context) ([]byte, error) {
	m, err := c.configMap(ctx, "kube-system", "kubeadm-config")
	if err != nil {
		return nil, fmt.Errorf("ConfigMap kube-system/kubeadm-config: %w", err)
	}
	text, _ := m.get("ClusterConfiguration")
	return []byte(text), nil
}

// configMap reads a ConfigMap; errNotFound where there is none.
func (c *Client) configMap(ctx context.Context, namespace, name string) (*configMap, error) {
	answer, err := c.do(ctx, http.MethodGet, configMapPath(namespace, name), nil)
	if err != nil {
		return nil, err
	}
	return parseConfigMap(answer)
}

// replace writes a ConfigMap that was read. The apiserver refuses where somebody
// else has written it since.
func (c *Client) replace(ctx context.Context, m *configMap) error {
	body, err := json.Marshal(m.object)
	if err != nil {
		return err
	}
	_, err = c.do(ctx, http.MethodPut, configMapPath(m.namespace, m.name), body)
	return err
}

func configMapPath(namespace, name string) string {
	return "/api/v1/namespaces/" + namespace + "/configmaps/" + name
}
