package kubeadm

import (
	"bytes"
	"encoding/base64"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const vipServer = "https://10.1.233.1:6443"

// kubeconfigFile reads a file of testdata/kubeadm/kubeconfig.
func kubeconfigFile(t testing.TB, name string) []byte {
	t.Helper()
	source, err := os.ReadFile("../testdata/kubeadm/kubeconfig/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	const node1 = "https://10.1.1.1:6443"
	for name, want := range map[string][]Endpoint{
		"admin":          {{"kubernetes", node1, 5}},
		"already-there":  {{"kubernetes", vipServer, 5}},
		"crlf":           {{"kubernetes", node1, 5}},
		"cluster-info":   {{"", node1, 5}},
		"worker-kubelet": {{"default-cluster", node1, 5}},
		"kube-proxy":     {{"default", node1, 6}}, // its CA is the file that every pod has
		"empty":          nil,
		"nothing":        nil,
		"several-clusters": {
			{"home", node1, 12},
			{"bundle", "https://node-1.home:6443", 19},
		},
	} {
		got, err := Endpoints(kubeconfigFile(t, name+".yaml"), kubeconfigFile(t, "ca.crt"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// TestEndpointsComparesCertificates: another text of the same certificate, and
// one of several, is the same CA; another certificate is not.
func TestEndpointsComparesCertificates(t *testing.T) {
	t.Parallel()
	ca, other := kubeconfigFile(t, "ca.crt"), kubeconfigFile(t, "apiserver.crt")
	for name, c := range map[string]struct {
		data, ca []byte
		want     bool
	}{
		"the same":         {ca, ca, true},
		"with text":        {append([]byte("CN = kubernetes\n\n"), ca...), bytes.ReplaceAll(ca, []byte("\n"), []byte("\r\n")), true},
		"second of ca":     {ca, append(bytes.Clone(other), ca...), true},
		"second of data":   {append(bytes.Clone(other), ca...), ca, true},
		"another":          {other, ca, false},
		"another kind":     {bytes.ReplaceAll(ca, []byte(" CERT"), []byte(" X509 CERT")), ca, false},
		"nothing":          {nil, ca, false},
		"no PEM":           {[]byte("x"), ca, false},
		"broken in itself": {ca[:len(ca)/2], ca, false},
	} {
		source := "clusters: [{name: a, cluster: {server: b, certificate-authority-data: \"" + base64.StdEncoding.EncodeToString(c.data) + "\"}}]\n"
		got, err := Endpoints([]byte(source), c.ca)
		if err != nil || (len(got) == 1) != c.want {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	for name, c := range map[string]struct{ ca, want string }{
		"empty":  {"", "cannot be compared with the CA, which holds no certificate"},
		"a key":  {"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", "cannot be compared with the CA, which holds no certificate"},
		"broken": {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be compared with the CA, which holds a broken certificate: x509: malformed certificate"},
		"large":  {strings.Repeat("x", 1<<20+1), "cannot be compared with the CA, which has 1048577 bytes, more than 1 MiB"},
	} {
		if _, err := Endpoints(nil, []byte(c.ca)); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func TestSetEndpoint(t *testing.T) {
	t.Parallel()
	ca := kubeconfigFile(t, "ca.crt")
	cases(t, "kubeconfig", func(t *testing.T, path string, source []byte) {
		before := bytes.Clone(source)
		edited, err := SetEndpoint(source, ca, vipServer)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(source, before) {
			t.Error("the source was changed")
		}
		golden(t, strings.TrimSuffix(path, ".yaml")+".golden", edited)
		checkServers(t, source, edited, ca, vipServer)

		back, err := EndpointsLikeIn(edited, source, ca)
		if err != nil || !bytes.Equal(back, source) {
			t.Errorf("going back does not end where it began: %v\n%s", err, cmp.Diff(string(source), string(back)))
		}
	})
}

// checkServers asserts what holds for every edit: it reads back, the second one
// changes nothing, and of the lines only the servers' differ.
func checkServers(t *testing.T, source, edited, ca []byte, server string) {
	t.Helper()
	was, err := Endpoints(source, ca)
	if err != nil {
		t.Fatal(err)
	}
	is, err := Endpoints(edited, ca)
	if err != nil {
		t.Fatalf("the edited text %v", err)
	}
	lines, editedLines := strings.Split(string(source), "\n"), strings.Split(string(edited), "\n")
	if len(was) != len(is) || len(lines) != len(editedLines) {
		t.Fatalf("%d clusters in %d lines became %d in %d", len(was), len(lines), len(is), len(editedLines))
	}
	for i, e := range is {
		if e.Cluster != was[i].Cluster || e.Server != server || e.Line != was[i].Line {
			t.Errorf("reads back %v, was %v", e, was[i])
		}
		lines[e.Line-1], editedLines[e.Line-1] = "", ""
	}
	if d := cmp.Diff(lines, editedLines); d != "" {
		t.Errorf("other lines changed:\n%s", d)
	}
	again, err := SetEndpoint(edited, ca, server)
	if err != nil || !bytes.Equal(again, edited) {
		t.Errorf("a second edit changes something: %v", err)
	}
}

// TestEndpointsLikeIn: names count, and what was not there stays.
func TestEndpointsLikeIn(t *testing.T) {
	t.Parallel()
	ca := kubeconfigFile(t, "ca.crt")
	data := base64.StdEncoding.EncodeToString(ca)
	cluster := func(name, server string) string {
		return "- cluster: \n    certificate-authority-data: " + data + "\n    server: " + server + "\n  name: " + name + "\n"
	}
	earlier := "clusters:\n" + cluster("a", "http://10.1.1.1:8080/path?x=y") + cluster("gone", "https://x") + cluster("none", "")
	now := "clusters:\n" + cluster("new", vipServer) + cluster("none", vipServer) + cluster("a", vipServer)
	want := "clusters:\n" + cluster("new", vipServer) + cluster("none", vipServer) + cluster("a", "http://10.1.1.1:8080/path?x=y")
	got, err := EndpointsLikeIn([]byte(now), []byte(earlier), ca)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for source, want := range map[string]string{
		"clusters: x\n":                      "as it was saved line 1: clusters is not a list",
		"clusters:\n" + cluster("a", `'"'`):  "cannot take \"\\\"\" as server",
		"clusters:\n" + cluster("a", "[a]"):  "as it was saved line 4: server is not a string",
		"clusters:\n" + cluster("a", "a\tb"): "cannot take \"a\\tb\" as server",
	} {
		if got, err := EndpointsLikeIn([]byte(now), []byte(source), ca); err == nil || err.Error() != want || got != nil {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestSetEndpointRefuses(t *testing.T) {
	t.Parallel()
	ca := kubeconfigFile(t, "ca.crt")
	admin := string(kubeconfigFile(t, "admin.yaml"))
	const server = "server: https://10.1.1.1:6443"
	data := base64.StdEncoding.EncodeToString(ca)
	for name, c := range map[string]struct{ source, want string }{
		"not YAML":       {"clusters: [\n", "is not YAML: yaml: line 2: did not find expected node content"},
		"not UTF-8":      {"clusters: \xff\n", "is not UTF-8"},
		"carriage":       {"a: b\rc: d\n", "has a line that ends in neither LF nor CR LF"},
		"second":         {admin + "---\n" + admin, "has a second YAML document"},
		"alias":          {strings.Replace(admin, server, "server: &a https://x\n    b: *a", 1), "line 6: has an alias, which is not followed"},
		"unknown anchor": {strings.Replace(admin, server, "server: *secret", 1), "is not YAML: yaml: line 5: an alias without its anchor"},
		"merge":          {strings.Replace(admin, server, "<<: {server: a}", 1), "line 5: has a merge key, which is not followed"},
		"duplicate key":  {strings.Replace(admin, server, server+"\n    "+server, 1), `line 6: has key "server" a second time`},
		"duplicate name": {"clusters: [{name: a}, {name: b}, {name: a}]\n", `line 1: has cluster "a" a second time`},
		"too large":      {admin + strings.Repeat("#", 1<<20), "has 1050680 bytes, more than 1 MiB"},
		"scalar":         {"x\n", "is not a kubeconfig"},
		"a pod":          {"apiVersion: v1\nkind: Pod\n", `is of kind "Pod", not Config`},
		"kind is a list": {"kind: [Config]\n", "line 1: kind is not a string"},
		"a map":          {"clusters: {a: b}\n", "line 1: clusters is not a list"},
		"name is a list": {"clusters:\n- name: [a]\n", "line 2: name is not a string"},
		"data is a list": {"clusters:\n- cluster:\n    certificate-authority-data: [a]\n", "line 3: certificate-authority-data is not a string"},
		"server is list": {strings.Replace(admin, server, "server: [a]", 1), "line 5: server is not a string"},
		"no server":      {strings.Replace(admin, "    "+server+"\n", "", 1), `line 3: cluster "kubernetes" has no server`},
		"flow":           {"clusters:\n- name: a\n  cluster: {" + server + ", certificate-authority-data: " + data + "}\n", `line 3: cluster "a" is in flow style, which is not edited`},
		"JSON":           {`{"clusters": [{"name": "a", "cluster": {"server": "x", "certificate-authority-data": "` + data + `"}}]}`, `line 1: cluster "a" is in flow style, which is not edited`},
		"folded":         {strings.Replace(admin, server, "server: >-\n      https://a", 1), "line 5: server is written in a form that is not edited"},
		"two lines":      {strings.Replace(admin, server, "server: https://a\n      b", 1), "line 5: server is written in a form that is not edited"},
		"escaped":        {strings.Replace(admin, server, `server: "https:\x2f/a"`, 1), "line 5: server is written in a form that is not edited"},
		"tagged":         {strings.Replace(admin, server, "server: !!str https://a", 1), "line 5: server is written in a form that is not edited"},
		"anchored":       {strings.Replace(admin, server, "server: &a https://a", 1), "line 5: server is written in a form that is not edited"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			edited, err := SetEndpoint([]byte(c.source), ca, vipServer)
			if err == nil || err.Error() != c.want || edited != nil {
				t.Errorf("got %v\n%s\nwant %s", err, edited, c.want)
			}
		})
	}
}

// TestSetEndpointForms: a server without a value gets one, and where nothing is
// to be changed no form is refused.
func TestSetEndpointForms(t *testing.T) {
	t.Parallel()
	ca := kubeconfigFile(t, "ca.crt")
	admin := string(kubeconfigFile(t, "admin.yaml"))
	for from, to := range map[string]string{
		"server:":                    "server: " + vipServer,
		"server: # a":                "server: " + vipServer + " # a",
		"server: null":               "server: " + vipServer,
		`server: ""`:                 `server: "` + vipServer + `"`,
		"server :  'a' # 'b'":        "server :  '" + vipServer + "' # 'b'",
		"server:\n      a":           "server:\n      " + vipServer,
		"server: !!str " + vipServer: "server: !!str " + vipServer,
		"server: >-\n      https://" + "10.1.233.1:6443": "server: >-\n      https://" + "10.1.233.1:6443",
	} {
		was := strings.Replace(admin, "server: https://10.1.1.1:6443", from, 1)
		want := strings.Replace(admin, "server: https://10.1.1.1:6443", to, 1)
		got, err := SetEndpoint([]byte(was), ca, vipServer)
		if err != nil || string(got) != want {
			t.Errorf("%s: %v\n%s", from, err, cmp.Diff(want, string(got)))
		}
	}
	for server, want := range map[string]bool{
		"https://10.1.233.1:6443": true, "https://api.home": true, "https://[fd10:1::100]:6443": true,
		"": false, "http://a": false, "https://": false, "https://a/": false, "https://a b": false, "https://a:0": false, "https://a:6443/x": false,
		"https://fd10:1::100:6443": false, "https://u:p@a": false, "https://a?b": false, "https://a#b": false, "https://a\nb": false, "HTTPS://a": false,
		"https://%61": false, "https://[fe80::1%25eth0]": false, "10.1.1.1:6443": false,
	} {
		got, err := SetEndpoint([]byte(admin), ca, server)
		if (err == nil) != want {
			t.Errorf("server %q: %v", server, err)
		} else if want {
			checkServers(t, []byte(admin), got, ca, server)
		}
	}
}

func TestClient(t *testing.T) {
	t.Parallel()
	admin := kubeconfigFile(t, "admin.yaml")
	certificate, key, err := Client(admin)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := first(certificate); err != nil || c.Subject.CommonName != "kubernetes-admin" {
		t.Errorf("the certificate is %v %v", c, err)
	}
	if !strings.HasPrefix(string(key), "-----BEGIN EC PRIVATE KEY-----\n") {
		t.Errorf("the key is %s", key)
	}
}

// TestClientRefuses: and no message shows what is in the file.
func TestClientRefuses(t *testing.T) {
	t.Parallel()
	admin := string(kubeconfigFile(t, "admin.yaml"))
	const secret = "TFMwdExTMUNSVWRKVGlC"
	with := func(from, to string) string {
		before, after, ok := strings.Cut(admin, from)
		if !ok {
			t.Fatal(from)
		}
		_, after, _ = strings.Cut(after, "\n")
		return before + to + "\n" + after
	}
	for name, c := range map[string]struct{ source, want string }{
		"empty":          {"", "is empty"},
		"no context":     {with("current-context:", ""), "has no current-context"},
		"other context":  {with("current-context:", "current-context: x"), `has no context "x"`},
		"other user":     {strings.Replace(admin, "    user: kubernetes-admin", "    user: x", 1), `has no user "x"`},
		"no user":        {strings.Replace(admin, "    user: kubernetes-admin", "    x: y", 1), `has no user ""`},
		"user is a list": {strings.Replace(admin, "    user: kubernetes-admin", "    user: [a]", 1), "line 10: user is not a string"},
		"a file":         {with("    client-certificate-data:", "    client-certificate: /a"), `line 15: user "kubernetes-admin" has no client-certificate-data`},
		"no key":         {with("    client-key-data:", ""), `line 15: user "kubernetes-admin" has no client-key-data`},
		"not base64":     {with("client-key-data:", "client-key-data: ="+secret), `line 15: user "kubernetes-admin" has client-key-data that is not base64`},
		"not PEM":        {with("client-key-data:", "client-key-data: "+secret), `line 15: user "kubernetes-admin" has no private key in its client-key-data`},
		"not a cert":     {with("client-certificate-data:", "client-certificate-data: "+secret), `line 15: user "kubernetes-admin" has no certificate in its client-certificate-data`},
		"a list":         {with("client-key-data:", "client-key-data: ["+secret+"]"), "line 18: client-key-data is not a string"},
		"an alias":       {with("client-key-data:", "client-key-data: *"+secret), "is not YAML: yaml: line 18: an alias without its anchor"},
		"unclosed":       {with("client-key-data:", "client-key-data: '"+secret), "is not YAML: yaml: line 19: found unexpected end of stream"},
		"a tag":          {with("client-key-data:", "client-key-data: !"+secret+"! x"), "is not YAML: yaml: line 18: did not find expected tag URI"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			certificate, key, err := Client([]byte(c.source))
			if err == nil || err.Error() != c.want || certificate != nil || key != nil {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the message shows the data: %v", err)
			}
		})
	}
}

// FuzzSetEndpoint: no panic; what is not refused changes no line but the
// servers', and can be taken back byte for byte.
func FuzzSetEndpoint(f *testing.F) {
	seed(f, "kubeconfig")
	ca := kubeconfigFile(f, "ca.crt")
	f.Fuzz(func(t *testing.T, source []byte) {
		edited, err := SetEndpoint(source, ca, vipServer)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("a message of several lines: %q", err)
			}
			return
		}
		checkServers(t, source, edited, ca, vipServer)
		back, err := EndpointsLikeIn(edited, source, ca)
		if err != nil {
			return // a server that was no URL
		}
		was, _ := Endpoints(source, ca)
		is, err := Endpoints(back, ca)
		for i := range was {
			if was[i].Server == "" {
				is[i].Server = ""
			}
		}
		if d := cmp.Diff(was, is); err != nil || d != "" {
			t.Errorf("going back: %v\n%s", err, d)
		}
	})
}
