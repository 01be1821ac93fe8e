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
	Kernel      = node.Kernel
	RealServer  = node.RealServer
	Action      = node.Action
	Sysctl      = node.Sysctl
	LockedError = node.LockedError
)

const (
	apiserverProcess = node.APIServerProcess
	haproxyProcess   = node.HAProxyProcess
	activePath       = node.ActivePath

	Leave       = node.Leave
	Start       = node.Start
	Reload      = node.Reload
	Restart     = node.Restart
	Stop        = node.Stop
	SysctlLeave = node.SysctlLeave
	SysctlOn    = node.SysctlOn
	SysctlOff   = node.SysctlOff

	caPath          = kubeadm.CAPath
	certificatePath = kubeadm.CertificatePath
	adminPath       = kubeadm.AdminPath
	superAdminPath  = kubeadm.SuperAdminPath
	kubeletPath     = kubeadm.KubeletPath
)
