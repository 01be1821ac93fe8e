package node

import (
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/node/programtest"
)

// withoutLayout leaves the variables of layout.sh out.
func withoutLayout(vars map[string]string) map[string]string {
	out := maps.Clone(vars)
	for variable := range layoutValues(layout) {
		delete(out, "KPLB_"+strings.ToUpper(variable))
	}
	return out
}

// TestLayoutVariables: layout.sh takes each value from its variable, and a program
// that names one has layout.sh, or is stored with the values.
func TestLayoutVariables(t *testing.T) {
	t.Parallel()
	variables := slices.Sorted(maps.Keys(layoutValues(layout)))
	var taken []string
	for line := range strings.Lines(file("layout.sh")) {
		variable, value, assigned := strings.Cut(strings.TrimSpace(line), "=")
		if assigned && !strings.HasPrefix(line, "#") {
			same(t, variable, value, "$KPLB_"+strings.ToUpper(variable))
			taken = append(taken, variable)
		}
	}
	same(t, "variables", slices.Sorted(slices.Values(taken)), variables)

	use := regexp.MustCompile(`\$\{?(` + strings.Join(variables, "|") + `)\b`)
	for name, p := range programs {
		own := strings.ReplaceAll(text(name), file("layout.sh"), "")
		has, uses := slices.Contains(p.library, "layout"), use.MatchString(own)
		if p.limit != 0 && has != uses {
			t.Errorf("%s names something of a layout: %t, has layout.sh: %t", name, uses, has)
		}
	}
}

// TestLayoutIsGiven: a program gets the layout that its call has, and each value of it
// by its own name.
func TestLayoutIsGiven(t *testing.T) {
	t.Parallel()
	l := k3sShaped
	for name, vars := range map[string]map[string]string{
		"inspect": InspectRequest{}.script(l).Vars, "observe": ObserveRequest{}.script(l).Vars, "await": AwaitRequest{}.script(l).Vars, "transact": TransactRequest{}.script(l).Vars,
		"manifest": ManifestRequest{}.script(l).Vars, "activate": ActivateRequest{}.script(l).Vars, "precommit": PrecommitRequest{}.script(l).Vars,
		"confirm": ConfirmRequest{}.script(l).Vars, "revert": RevertRequest{}.script(l).Vars, "break": BreakRequest{}.script(l).Vars,
	} {
		for _, variable := range slices.Collect(maps.Keys(vars)) {
			if _, other := withoutLayout(vars)[variable]; other {
				delete(vars, variable)
			}
		}
		same(t, name, vars, map[string]string{
			"KPLB_APISERVER_CONFIG": "/etc/rancher/k3s/config.yaml.d/50-kplb.yaml", "KPLB_APISERVER_PROCESS": "k3s-server", "KPLB_CONTROLLER_MANAGER_CONFIG": "/etc/rancher/k3s/config.yaml",
			"KPLB_CA": "/etc/rancher/tls/server-ca.crt", "KPLB_CA_KEY": "/etc/rancher/tls/server-ca.key",
			"KPLB_CERTIFICATE": "/etc/rancher/tls/serving.crt", "KPLB_CERTIFICATE_KEY": "/etc/rancher/tls/serving.key", "KPLB_CERTIFICATE_ISSUER": "issue --from",
			"KPLB_KUBELET_KUBECONFIG": "/etc/rancher/kubelet.kubeconfig", "KPLB_KUBELET_UNIT": "k3s.service",
		})
	}
}

// TestLayoutText: a value is one word of sh, whatever it holds.
func TestLayoutText(t *testing.T) {
	t.Parallel()
	const hostile = "a b'; echo $(id) `id` \"\\\n*"
	cmd := exec.CommandContext(t.Context(), "sh", "-u", "-s")
	cmd.Stdin = strings.NewReader(layoutText(distribution.Layout{CA: hostile, KubeletUnit: "-n"}) + `printf '%s|' "$ca" "$kubelet_unit" "$certificate_issuer"`)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	same(t, "values", string(out), hostile+"|-n||")
}

// k3sShaped is a distribution that has nothing where kubeadm has it. It stands for the
// next ones, and is none of them.
var k3sShaped = distribution.Layout{
	APIServerConfig: "/etc/rancher/k3s/config.yaml.d/50-kplb.yaml", ControllerManagerConfig: "/etc/rancher/k3s/config.yaml",
	CA: "/etc/rancher/tls/server-ca.crt", CAKey: "/etc/rancher/tls/server-ca.key", Certificate: "/etc/rancher/tls/serving.crt", CertificateKey: "/etc/rancher/tls/serving.key",
	CertificateIssuer: []string{"issue", "--from"}, AdminKubeconfigs: []string{"/etc/rancher/k3s/k3s.yaml"}, KubeletKubeconfig: "/etc/rancher/kubelet.kubeconfig",
	KubeletUnit: "k3s.service", KubeletProcess: "k3s-server", APIServerProcess: "k3s-server",
}

// onK3sShaped is a node of that kind, with a change that is in place: of its
// apiserver's configuration, its certificate and its kubelet's kubeconfig.
func onK3sShaped(t *testing.T, shell string) (o operator, before programState) {
	t.Helper()
	n, l := programtest.New(t, shell), k3sShaped
	for path, content := range map[string]string{l.APIServerConfig: "old\n", l.KubeletKubeconfig: "old\n", l.CA: "ca\n", l.CAKey: "secret\n", l.Certificate: "old\n", l.CertificateKey: "old key\n"} {
		n.Write(path, content, 0o600)
	}
	n.Write("/node/vendor/k3s.service", "[Unit]\nDescription=k3s\n", 0o644)
	n.Write("/usr/local/sbin/issue", "#!/bin/sh\ndir=$(cat \"$2\")\necho \"by $(cat $dir/server-ca.crt $dir/server-ca.key)\" >$dir/serving.crt\necho key >$dir/serving.key\n", 0o755)
	n.Must("systemctl enable k3s.service && systemctl start k3s.service")
	o = operator{node: n, txn: "txn1", other: &l, paths: []string{l.KubeletKubeconfig, l.Certificate, l.CertificateKey}}.takes()
	before = stateOf(n)

	c := change{files: map[string]programFile{l.KubeletKubeconfig: {mode: "600", content: "new\n"}}, manifest: "new\n", activate: map[string]string{"KPLB_KUBELET": "restart"}}
	stage := o.stage(c)
	stage.Vars["KPLB_FILES"] += "certificate 644 0:0 " + string(SumOf([]byte("old\n"))) + " issued " + l.Certificate + "\nkey 600 0:0 any issued " + l.CertificateKey + "\n"
	stage.Files["issuer"] = []byte(basePath + "/stage/pki\n")
	if a := n.Run(stage); !a.Done() {
		t.Fatalf("stage: %s", a)
	}
	same(t, "before what", strings.Contains(n.Read("/etc/systemd/system/kplb-restore-boot.service"), "Before=haproxy.service keepalived.service k3s.service kplb-"), true)
	n.Told()
	for _, s := range o.steps(c)[1:5] {
		if a := s.run(); !a.Done() {
			t.Fatalf("%s: %s", s.name, a)
		}
	}
	same(t, "told", slices.Contains(n.Told(), "systemctl restart k3s.service"), true)
	for path, want := range map[string]string{l.APIServerConfig: "new\n", l.KubeletKubeconfig: "new\n", l.Certificate: "by ca\nsecret\n", l.CertificateKey: "key\n"} {
		same(t, path, n.Read(path), want)
	}
	return o, before
}

// TestProgramsOtherLayout: a change is made and confirmed where a distribution has what
// it has, and nothing is where kubeadm would have it.
func TestProgramsOtherLayout(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o, _ := onK3sShaped(t, shell)
		same(t, "confirm", o.node.Run(o.confirm()).Done(), true)
		same(t, "kubeadm's", o.node.Exists("/etc/kubernetes"), false)
		same(t, "left", o.node.Must("find /etc -name '.kplb-*'"), "")
		a := o.node.Run(o.script("generations", map[string]string{"KPLB_GENERATION": "1"}, nil))
		for _, r := range a.Records {
			if r.Key != "files" {
				continue
			}
			data, err := r.Data(0)
			if err != nil {
				t.Fatal(err)
			}
			files, err := parseFiles(data)
			if err != nil {
				t.Fatal(err)
			}
			_, certificate := files[k3sShaped.Certificate]
			_, key := files[k3sShaped.CertificateKey]
			same(t, "the certificate is read, its key is not", certificate && !key, true)
		}
	})
}

// TestProgramsStoredLayout: what takes a change back has the layout with which it was
// made: the timer and the boot, which nobody tells one, and an operator whose kplb
// knows another.
func TestProgramsStoredLayout(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o, before := onK3sShaped(t, shell)
		pending := o.node.Tree()
		o.other = nil
		for _, w := range o.ways() {
			o.node.Reset(pending)
			o.node.Told()
			w.take(t)
			same(t, w.name, stateOf(o.node), before)
			restarted := slices.Contains(o.node.Told(), "systemctl restart k3s.service")
			same(t, w.name+": the kubelet restarts", restarted, w.name != "at boot")
		}
	})
}
