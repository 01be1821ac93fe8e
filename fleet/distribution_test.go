package fleet

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
)

// TestDistributionOf: an inventory that names no distribution means kubeadm, and
// so does one that names it.
func TestDistributionOf(t *testing.T) {
	t.Parallel()
	for _, text := range []string{home, home + "distribution: kubeadm\n"} {
		c, err := inventory.Parse("cluster.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(distribution.Distribution(kubeadm.Distribution{}), DistributionOf(c)); diff != "" {
			t.Error(diff)
		}
	}
}

// TestLayouts: programs can be given what every distribution has.
func TestLayouts(t *testing.T) {
	t.Parallel()
	for name, d := range distributions {
		if err := d.Layout().Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestProgramsNameNoDistribution: what runs on nodes is told where a distribution has
// what, and names none of it: no path, no directory, no file, no unit, no process and
// no issuer. What it says of that in comments is for people.
func TestProgramsNameNoDistribution(t *testing.T) {
	t.Parallel()
	programs, err := filepath.Glob("../node/programs/*")
	if err != nil || len(programs) == 0 {
		t.Fatalf("%d programs: %v", len(programs), err)
	}
	for name, d := range distributions {
		words := named(d.Layout())
		names := regexp.MustCompile(`(^|[^A-Za-z0-9_.-])(` + strings.Join(words, "|") + `)($|[^A-Za-z0-9_-])`)
		for _, program := range programs {
			text, err := os.ReadFile(program)
			if err != nil {
				t.Fatal(err)
			}
			for i, line := range strings.Split(comment.ReplaceAllString(string(text), ""), "\n") {
				if found := names.FindStringSubmatch(line); found != nil {
					t.Errorf("%s:%d names %s, which is %s's: use a variable of layout.sh", path.Base(program), i+1, found[2], name)
				}
			}
		}
	}
}

// comment is one of sh, or of perl.
var comment = regexp.MustCompile(`(?m)(^|[ \t])#( .*)?$`)

// named are the names by which a program could name something of a layout, as
// patterns.
func named(l distribution.Layout) []string {
	words := []string{strings.TrimSuffix(l.KubeletUnit, ".service"), l.KubeletProcess, l.APIServerProcess}
	paths := append(l.Kubeconfigs(), l.APIServerConfig, l.ControllerManagerConfig, l.CA, l.CAKey, l.Certificate, l.CertificateKey)
	for _, p := range paths {
		words = append(words, path.Base(p))
		for dir := path.Dir(p); path.Dir(dir) != "/"; dir = path.Dir(dir) { // /etc is everybody's
			words = append(words, dir)
		}
	}
	if len(l.CertificateIssuer) > 0 {
		words = append(words, l.CertificateIssuer[0])
	}
	for i, word := range words {
		words[i] = regexp.QuoteMeta(word)
	}
	slices.Sort(words)
	words = slices.Compact(words)
	slices.Reverse(words) // the longest first
	return words
}

// TestNamed: nothing of a layout is left out.
func TestNamed(t *testing.T) {
	t.Parallel()
	got := named(distribution.Layout{
		APIServerConfig: "/etc/k/d/api.yaml", ControllerManagerConfig: "/etc/k/m.yaml", CA: "/etc/k/ca.crt", CAKey: "/etc/k/ca.key", Certificate: "/var/lib/k/a.crt",
		CertificateKey: "/var/lib/k/a.key", CertificateIssuer: []string{"kubeadm", "init"}, AdminKubeconfigs: []string{"/etc/k/admin.conf"}, KubeletKubeconfig: "/etc/k/k.conf",
		KubeletUnit: "k3s.service", KubeletProcess: "k3s-agent", APIServerProcess: "k3s-server",
	})
	if diff := cmp.Diff([]string{
		`m\.yaml`, "kubeadm", `k\.conf`, "k3s-server", "k3s-agent", "k3s", `ca\.key`, `ca\.crt`, `api\.yaml`, `admin\.conf`, `a\.key`, `a\.crt`,
		"/var/lib/k", "/var/lib", "/etc/k/d", "/etc/k",
	}, got); diff != "" {
		t.Error(diff)
	}
}
