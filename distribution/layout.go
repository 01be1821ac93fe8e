package distribution

import (
	"fmt"
	"path"
	"regexp"
	"slices"
)

// Layout is what a distribution has on every node, and under which names. Paths
// are absolute.
type Layout struct {
	APIServerConfig         string // has the flags of the apiserver, which restarts when it changes; whatever else is in its directory is read, too
	ControllerManagerConfig string // has those of the controller manager; it may be the same file

	CA             string // of the cluster
	CAKey          string // on nodes that issue certificates
	Certificate    string // that the apiserver serves; it loads a new one without a restart
	CertificateKey string
	// CertificateIssuer is the command that issues Certificate, before the path of
	// what CertificateConfig has made. It reads the CA and writes the certificate and
	// its key under their names here.
	CertificateIssuer []string

	// Kubeconfigs. What talks to the apiserver of its own node only is not here.
	AdminKubeconfigs  []string // of administrators; kplb uses the first one itself
	KubeletKubeconfig string

	KubeletUnit      string // of systemd
	KubeletProcess   string // that is connected to the apiserver, as ss names it
	APIServerProcess string // that listens on the apiserver's port, likewise
	EtcdHealthURL    string // where etcd reports its health, to its own node
}

// Kubeconfigs are all of them.
func (l Layout) Kubeconfigs() []string {
	return append(slices.Clone(l.AdminKubeconfigs), l.KubeletKubeconfig)
}

// Forms in which nothing means something to a shell, or to a pattern of grep or sed
// but the dot. A name of a process has at most 15 characters (proc_pid_comm(5)).
var (
	pathForm    = regexp.MustCompile(`^(/[A-Za-z0-9._-]+)+$`)
	unitForm    = regexp.MustCompile(`^[A-Za-z0-9_.@-]+\.service$`)
	processForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,15}$`)
	wordForm    = regexp.MustCompile(`^[A-Za-z0-9/._=-]+$`)
)

// named is a value of a layout, with its field.
type named struct{ field, value string }

func namedAll(field string, values []string) []named {
	out := make([]named, len(values))
	for i, value := range values {
		out[i] = named{field, value}
	}
	return out
}

// paths are those of which there is one.
func (l Layout) paths() []named {
	return []named{
		{"APIServerConfig", l.APIServerConfig}, {"ControllerManagerConfig", l.ControllerManagerConfig},
		{"CA", l.CA}, {"CAKey", l.CAKey}, {"Certificate", l.Certificate}, {"CertificateKey", l.CertificateKey},
		{"KubeletKubeconfig", l.KubeletKubeconfig},
	}
}

// Check says which value a program cannot be given: paths have to be absolute, clean
// and without spaces, units services, and processes what the kernel can name.
func (l Layout) Check() error {
	for _, p := range slices.Concat(l.paths(), namedAll("AdminKubeconfigs", l.AdminKubeconfigs)) {
		if !pathForm.MatchString(p.value) || path.Clean(p.value) != p.value {
			return fmt.Errorf("%s is %q, and must be an absolute path", p.field, p.value)
		}
	}
	if !unitForm.MatchString(l.KubeletUnit) {
		return fmt.Errorf("KubeletUnit is %q, and must be the name of a service", l.KubeletUnit)
	}
	for _, process := range []named{{"KubeletProcess", l.KubeletProcess}, {"APIServerProcess", l.APIServerProcess}} {
		if !processForm.MatchString(process.value) {
			return fmt.Errorf("%s is %q, and must be the name of a process", process.field, process.value)
		}
	}
	if i := slices.IndexFunc(l.CertificateIssuer, func(word string) bool { return !wordForm.MatchString(word) }); i >= 0 {
		return fmt.Errorf("CertificateIssuer has %q, and must have words", l.CertificateIssuer[i])
	}
	return nil
}
