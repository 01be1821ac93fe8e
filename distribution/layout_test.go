package distribution

import (
	"slices"
	"testing"
)

// TestKubeconfigs: the list is the caller's own, and the layout stays as it is.
func TestKubeconfigs(t *testing.T) {
	t.Parallel()
	admins := append(make([]string, 0, 4), "/a", "/b")
	l := Layout{AdminKubeconfigs: admins, KubeletKubeconfig: "/k"}
	first := l.Kubeconfigs()
	first[0], first[2] = "x", "y"
	if got := l.Kubeconfigs(); !slices.Equal(got, []string{"/a", "/b", "/k"}) || admins[:3][2] != "" {
		t.Errorf("kubeconfigs are %q", got)
	}
}

// TestCheck: what a program cannot be given is named, with its field.
func TestCheck(t *testing.T) {
	t.Parallel()
	good := func() Layout {
		return Layout{
			APIServerConfig: "/etc/rancher/k3s/config.yaml.d/50-kplb.yaml", ControllerManagerConfig: "/etc/a", CA: "/var/lib/ca.crt", CAKey: "/var/lib/ca.key",
			Certificate: "/a.crt", CertificateKey: "/a.key", AdminKubeconfigs: []string{"/admin"}, KubeletKubeconfig: "/kubelet",
			KubeletUnit: "k3s.service", KubeletProcess: "k3s-server", APIServerProcess: "k3s-server",
		}
	}
	for _, c := range []struct {
		change func(l *Layout)
		want   string
	}{
		{func(*Layout) {}, ""},
		{func(l *Layout) { l.CertificateIssuer = []string{"kubeadm", "init", "--config"} }, ""},
		{func(l *Layout) { l.APIServerConfig = "" }, `APIServerConfig is "", and must be an absolute path`},
		{func(l *Layout) { l.ControllerManagerConfig = "etc/a" }, `ControllerManagerConfig is "etc/a", and must be an absolute path`},
		{func(l *Layout) { l.CA = "/a b" }, `CA is "/a b", and must be an absolute path`},
		{func(l *Layout) { l.CAKey = "/a/../b" }, `CAKey is "/a/../b", and must be an absolute path`},
		{func(l *Layout) { l.Certificate = "/a//b" }, `Certificate is "/a//b", and must be an absolute path`},
		{func(l *Layout) { l.CertificateKey = "/*" }, `CertificateKey is "/*", and must be an absolute path`},
		{func(l *Layout) { l.AdminKubeconfigs[0] = "/a/" }, `AdminKubeconfigs is "/a/", and must be an absolute path`},
		{func(l *Layout) { l.KubeletKubeconfig = "/a'b" }, `KubeletKubeconfig is "/a'b", and must be an absolute path`},
		{func(l *Layout) { l.KubeletUnit = "k3s" }, `KubeletUnit is "k3s", and must be the name of a service`},
		{func(l *Layout) { l.KubeletProcess = "k3s server" }, `KubeletProcess is "k3s server", and must be the name of a process`},
		{func(l *Layout) { l.APIServerProcess = "kube-apiserver-1" }, `APIServerProcess is "kube-apiserver-1", and must be the name of a process`},
		{func(l *Layout) { l.CertificateIssuer = []string{"sh", "-c", "a; b"} }, `CertificateIssuer has "a; b", and must have words`},
	} {
		l := good()
		c.change(&l)
		got := ""
		if err := l.Check(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}
