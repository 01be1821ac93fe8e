package kubeadm

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const balancer = "https://127.0.0.1:7443"

// TestSetEndpointAs: each kubeconfig gets the name once, in its own form, and
// going back ends where it began.
func TestSetEndpointAs(t *testing.T) {
	t.Parallel()
	ca := kubeconfigFile(t, "ca.crt")
	cases(t, "kubeconfig", func(t *testing.T, _ string, source []byte) {
		edited, err := SetEndpointAs(source, ca, balancer, "kubernetes")
		if err != nil {
			t.Fatal(err)
		}
		clusters, err := Endpoints(edited, ca)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range clusters {
			if c.Server != balancer {
				t.Errorf("reads back %v", c)
			}
		}
		if had, has := strings.Count(string(source), "tls-server-name:"), strings.Count(string(edited), "tls-server-name:"); has < len(clusters) || has > had+len(clusters) {
			t.Errorf("%d names for %d clusters, there were %d", has, len(clusters), had)
		}
		again, err := SetEndpointAs(edited, ca, balancer, "kubernetes")
		if err != nil || !bytes.Equal(again, edited) {
			t.Errorf("a second edit changes something: %v", err)
		}
		back, err := EndpointsLikeIn(edited, source, ca)
		if err != nil || !bytes.Equal(back, source) {
			t.Errorf("going back does not end where it began: %v\n%s", err, cmp.Diff(string(source), string(back)))
		}
	})
}

// TestServerName: what kubeadm writes on a worker, and what people made of it.
func TestServerName(t *testing.T) {
	t.Parallel()
	ca := kubeconfigFile(t, "ca.crt")
	worker := string(kubeconfigFile(t, "worker-kubelet.yaml"))
	const server = "    server: https://10.1.1.1:6443"
	for name, c := range map[string]struct{ server, want string }{
		"as kubeadm writes it": {server, "    server: " + balancer + "\n    tls-server-name: kubernetes"},
		"a comment":            {server + " # node 1", "    server: " + balancer + " # node 1\n    tls-server-name: kubernetes"},
		"a name of one's own":  {server + "\n    tls-server-name: api.home", "    server: " + balancer + "\n    tls-server-name: api.home"},
		"a name before it":     {"    tls-server-name: api.home\n" + server, "    tls-server-name: api.home\n    server: " + balancer},
		"an empty name":        {server + "\n    tls-server-name: ''", "    server: " + balancer + "\n    tls-server-name: 'kubernetes'"},
		"no name":              {server + "\n    tls-server-name:", "    server: " + balancer + "\n    tls-server-name: kubernetes"},
		"only the name lacks":  {"    server: " + balancer, "    server: " + balancer + "\n    tls-server-name: kubernetes"},
	} {
		source := strings.Replace(worker, server, c.server, 1)
		got, err := SetEndpointAs([]byte(source), ca, balancer, "kubernetes")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(strings.Replace(worker, server, c.want, 1), string(got)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	for name, c := range map[string]struct{ server, want string }{
		"an aliased line": {"    server: >-\n      https://10.1.1.1:6443", "line 5: server is written in a form that is not edited"},
		"a list":          {server + "\n    tls-server-name: [a]", ""}, // nothing of ours: it stays
	} {
		got, err := SetEndpointAs([]byte(strings.Replace(worker, server, c.server, 1)), ca, balancer, "kubernetes")
		if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("%s: %v, want %s\n%s", name, err, c.want, got)
		}
	}
	for _, c := range [][2]string{{"http://127.0.0.1:7443", "kubernetes"}, {balancer, ""}, {balancer, "a b"}, {balancer, "a\nb"}} {
		if _, err := SetEndpointAs([]byte(worker), ca, c[0], c[1]); err == nil {
			t.Errorf("takes %q", c)
		}
	}
}

// TestServerNameBack: the name goes with the server, and not without it.
func TestServerNameBack(t *testing.T) {
	t.Parallel()
	ca := kubeconfigFile(t, "ca.crt")
	worker := string(kubeconfigFile(t, "worker-kubelet.yaml"))
	at := func(cluster string) []byte {
		return []byte(strings.Replace(worker, "    server: https://10.1.1.1:6443", cluster, 1))
	}
	const vip, named, other = "    server: " + vipServer, "\n    tls-server-name: kubernetes", "\n    tls-server-name: api.home"
	for name, c := range map[string]struct{ now, earlier, want string }{
		"the balancer was not there":      {"    server: " + balancer + named, vip, vip},
		"there was another name":          {"    server: " + balancer + named, vip + other, vip + other},
		"there was a name":                {vip, "    server: " + balancer + named, "    server: " + balancer + named},
		"the same server, somebody's own": {vip + other, vip, vip + other},
		"quoted":                          {"    server: " + balancer + "\n    tls-server-name: \"kubernetes\" # ours", vip, vip},
	} {
		got, err := EndpointsLikeIn(at(c.now), at(c.earlier), ca)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(string(at(c.want)), string(got)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	_, err := EndpointsLikeIn(at("    server: "+balancer+"\n    tls-server-name:\n      kubernetes"), at(vip), ca)
	if err == nil || err.Error() != "line 6: tls-server-name is written in a form that is not edited" {
		t.Errorf("got %v", err)
	}
}
