package kubeadm

// KubeletUnit is systemd's unit of the kubelet.
const KubeletUnit = "kubelet.service"

// Where kubeadm keeps what it makes on a node.
const (
	controllerManagerPath = "/etc/kubernetes/manifests/kube-controller-manager.yaml"

	CAPath    = "/etc/kubernetes/pki/ca.crt" // the cluster's CA
	caKeyPath = "/etc/kubernetes/pki/ca.key"

	// The serving certificate of the apiserver. The apiserver looks at the files
	// and loads new ones without a restart.
	CertificatePath    = "/etc/kubernetes/pki/apiserver.crt"
	CertificateKeyPath = "/etc/kubernetes/pki/apiserver.key"

	// Kubeconfigs. Those of the controller manager and the scheduler, which are
	// not here, stay with their own node's apiserver.
	AdminPath      = "/etc/kubernetes/admin.conf"
	SuperAdminPath = "/etc/kubernetes/super-admin.conf"
	KubeletPath    = "/etc/kubernetes/kubelet.conf"
)
