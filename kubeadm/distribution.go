package kubeadm

import "github.com/kplb/kplb/distribution"

// Distribution is how kubeadm installs Kubernetes: the apiserver is a static pod,
// and its flags are in the manifest.
type Distribution struct{}

var _ distribution.Distribution = Distribution{}

// etcdHealthURL is where etcd reports its health (--listen-metrics-urls).
const etcdHealthURL = "http://127.0.0.1:2381/health"

// Layout says what is where.
func (Distribution) Layout() distribution.Layout {
	return distribution.Layout{
		APIServerConfig: ManifestPath, ControllerManagerConfig: controllerManagerPath,
		CA: CAPath, CAKey: caKeyPath, Certificate: CertificatePath, CertificateKey: CertificateKeyPath,
		CertificateIssuer: []string{"kubeadm", "init", "phase", "certs", "apiserver", "--config"},
		AdminKubeconfigs:  []string{AdminPath, SuperAdminPath}, KubeletKubeconfig: KubeletPath,
		KubeletUnit: KubeletUnit, KubeletProcess: "kubelet", APIServerProcess: distribution.APIServer, EtcdHealthURL: etcdHealthURL,
	}
}
