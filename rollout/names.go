package rollout

import (
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
)

// What node says of a machine, by the names that it has here.
type (
	Host        = node.Host
	Facts       = node.Facts
	OS          = node.OS
	Address     = node.Address
	Listener    = node.Listener
	Unit        = node.Unit
	Package     = node.Package
	File        = node.File
	Server      = node.Server
	ServerStats = node.ServerStats
	Kernel      = node.Kernel
	RealServer  = node.RealServer
)

const (
	apiserverProcess = node.APIServerProcess
	haproxyProcess   = node.HAProxyProcess
	activePath       = node.ActivePath

	caPath             = kubeadm.CAPath
	certificatePath    = kubeadm.CertificatePath
	certificateKeyPath = kubeadm.CertificateKeyPath
	adminPath          = kubeadm.AdminPath
	superAdminPath     = kubeadm.SuperAdminPath
	kubeletPath        = kubeadm.KubeletPath
)

// What tests put on a node.
const (
	basePath      = "/var/lib/kplb"
	pendingPath   = basePath + "/pending"
	restartedPath = basePath + "/restarted"
)
