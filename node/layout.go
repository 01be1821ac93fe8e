package node

import (
	"maps"
	"slices"
	"strings"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/remote"
)

// layoutValues are what programs name of a distribution, by their variables in
// layout.sh.
func layoutValues(l distribution.Layout) map[string]string {
	return map[string]string{
		"apiserver_config":          l.APIServerConfig,
		"apiserver_process":         l.APIServerProcess,
		"controller_manager_config": l.ControllerManagerConfig,
		"ca":                        l.CA,
		"ca_key":                    l.CAKey,
		"certificate":               l.Certificate,
		"certificate_key":           l.CertificateKey,
		"certificate_issuer":        strings.Join(l.CertificateIssuer, " "),
		"kubelet_kubeconfig":        l.KubeletKubeconfig,
		"kubelet_unit":              l.KubeletUnit,
	}
}

// unnamed is the layout for what names nothing of it, in a program of which other
// parts do.
var unnamed distribution.Layout

// layoutScript is a program that has layout.sh in its library, with its data.
func layoutScript(name string, l distribution.Layout, vars map[string]string) remote.Script {
	s := script(name, vars)
	for variable, value := range layoutValues(l) {
		s.Vars["KPLB_"+strings.ToUpper(variable)] = value
	}
	return s
}

// layoutText is what a program that stays on a node has in the place of layout.sh.
// The node runs it when nobody tells it a layout any more: whichever kplb takes the
// change back, it is with the layout of the one that has made it. For that reason
// there is no default for a change without a layout: one that was made before there
// were layouts has left a program that names kubeadm's paths itself.
func layoutText(l distribution.Layout) string {
	values := layoutValues(l)
	var b strings.Builder
	for _, variable := range slices.Sorted(maps.Keys(values)) {
		b.WriteString(variable + "=" + remote.Quote(values[variable]) + "\n")
	}
	return b.String()
}

// restoreProgram is what stays on a node while a change is not confirmed. It
// depends on nothing but the node.
func restoreProgram(l distribution.Layout) []byte {
	return []byte("#!/bin/sh\n# kplb: takes an unconfirmed change back; see /var/lib/kplb/pending\nset -u\numask 077\n" +
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C\nexport PATH LC_ALL\ntrap '' HUP PIPE\n" +
		layoutText(l) + text("restore"))
}

// mendProgram is what stays on a node until a drill is put back. It depends on
// nothing but the node.
func mendProgram(l distribution.Layout) []byte { return []byte(layoutText(l) + text("drill_mend")) }
