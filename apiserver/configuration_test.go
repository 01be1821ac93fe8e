package apiserver

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/kplb/kplb/kubeadm"
)

const kubeadmConfig = `apiServer: {}
apiVersion: kubeadm.k8s.io/v1beta4
certificatesDir: /etc/kubernetes/pki
clusterName: kubernetes
controlPlaneEndpoint: 127.9.1.1:6443
kind: ClusterConfiguration
kubernetesVersion: v1.36.3
networking:
  dnsDomain: cluster.local
  serviceSubnet: 10.96.0.0/12
`

// withFlag is kubeadmConfig with lines below apiServer.
func withFlag(value string) string {
	return strings.Replace(kubeadmConfig, " {}", "\n  extraArgs:\n  - name: permit-port-sharing\n    value: \""+value+"\"", 1)
}

// TestEditConfiguration: a flag comes, goes, and leaves what was there before;
// what earlier versions remembered is still known.
func TestEditConfiguration(t *testing.T) {
	t.Parallel()
	shared := map[string]string{"permit-port-sharing": "true"}
	const (
		moved = `{"controlPlaneEndpoint":"127.9.1.1:6443","had":true,"addedSANs":["127.9.1.9"],"hadSANs":false}`
		added = `{"had":false,"addedSANs":null,"apiServerArgs":{"permit-port-sharing":null}}`
		was   = `{"had":false,"addedSANs":null,"apiServerArgs":{"permit-port-sharing":"false"}}`
	)
	for _, c := range []struct {
		name, text, before string
		edit               kubeadm.ClusterEdit
		want, remembered   string
	}{
		{"the first time", kubeadmConfig, "", kubeadm.ClusterEdit{Args: shared}, withFlag("true"), added},
		{"it was off", withFlag("false"), "", kubeadm.ClusterEdit{Args: shared}, withFlag("true"), was},
		{"again", withFlag("true"), added, kubeadm.ClusterEdit{Args: shared}, withFlag("true"), added},
		{"not any more", withFlag("true"), added, kubeadm.ClusterEdit{}, kubeadmConfig, ""},
		{"not any more, and it was off", withFlag("true"), was, kubeadm.ClusterEdit{}, withFlag("false"), ""},
		{"somebody's own", withFlag("true"), "", kubeadm.ClusterEdit{}, withFlag("true"), ""},
		{"beside what an earlier version remembers", kubeadmConfig, moved, kubeadm.ClusterEdit{Args: shared}, withFlag("true"),
			`{"controlPlaneEndpoint":"127.9.1.1:6443","had":true,"addedSANs":["127.9.1.9"],"apiServerArgs":{"permit-port-sharing":null}}`},
		{"not any more, beside the endpoint", withFlag("true"), added, kubeadm.ClusterEdit{Endpoint: "127.9.1.9:1"},
			strings.Replace(kubeadmConfig, "127.9.1.1:6443", "127.9.1.9:1", 1), `{"controlPlaneEndpoint":"127.9.1.1:6443","had":true,"addedSANs":null}`},
		{"what is no memory", kubeadmConfig, `{"had":"x"}`, kubeadm.ClusterEdit{Args: shared}, withFlag("true"), added},
		{"nothing is asked of another kind", "kind: Pod\n", "", kubeadm.ClusterEdit{}, "kind: Pod\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := &configMap{object: map[string]any{}}
			if c.before != "" {
				m.object["metadata"] = map[string]any{"annotations": map[string]any{before: c.before}}
			}
			edited, was, err := editConfiguration(m, []byte(c.text), c.edit)
			says(t, err, "")
			same(t, "text", string(edited), c.want)
			remembered := ""
			if was != nil {
				text, _ := json.Marshal(was)
				remembered = string(text)
			}
			same(t, "remembered", remembered, c.remembered)
		})
	}
	_, _, err := editConfiguration(&configMap{}, []byte("kind: Pod\n"), kubeadm.ClusterEdit{Args: shared})
	says(t, err, `is of kind "Pod", not ClusterConfiguration`)
}
