package render

import (
	"bytes"
	"strings"
	"testing"
)

// canary stands for a secret. It must be in nothing that people see.
const canary = "cAnary-7x"

func TestRedact(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"auth_pass cAnary-7x":                                               "auth_pass <secret>",
		"    auth_pass cAnary-7x\n    next":                                 "    auth_pass <secret>\n    next",
		"\tauth_pass\t\tcAnary-7x":                                          "\tauth_pass\t\t<secret>",
		"auth_pass \"cAnary-7x with spaces\" # and more":                    "auth_pass <secret>",
		"authentication { auth_type PASS auth_pass cAnary-7x":               "authentication { auth_type PASS auth_pass <secret>",
		"# auth_pass cAnary-7x":                                             "# auth_pass <secret>",
		"#auth_pass cAnary-7x":                                              "#auth_pass <secret>",
		"!auth_pass cAnary-7x":                                              "!auth_pass <secret>",
		"auth_pass cAnary-7x\r\nnext":                                       "auth_pass <secret>\nnext",
		"auth_hmac hmac-sha256 cAnary-7x":                                   "auth_hmac <secret>",
		"auth_pass":                                                         "auth_pass",
		"auth_pass\nvirtual_router_id 17":                                   "auth_pass\nvirtual_router_id 17",
		"auth_type PASS":                                                    "auth_type PASS",
		"stats auth admin:cAnary-7x":                                        "stats auth <secret>",
		"    stats   auth\tadmin:cAnary-7x":                                 "    stats   auth\t<secret>",
		"    #stats auth admin:cAnary-7x":                                   "    #stats auth <secret>",
		"    stats auth admin:with\\ space-cAnary-7x":                       "    stats auth <secret>",
		"stats uri /stats":                                                  "stats uri /stats",
		"    user tiger password cAnary-7x":                                 "    user tiger password <secret>",
		"    user tiger insecure-password cAnary-7x":                        "    user tiger insecure-password <secret>",
		"user t groups G1,G2 insecure-password cAnary-7x":                   "user t groups G1,G2 insecure-password <secret>",
		"user t insecure-password cAnary-7x groups G1":                      "user t insecure-password <secret>",
		"user tiger password\tcAnary-7x":                                    "user tiger password\t<secret>",
		"user haproxy":                                                      "user haproxy",
		"    password cAnary-7x":                                            "    password <secret>",
		"http-check send hdr Authorization \"Basic cAnary-7x\"":             "http-check send hdr Authorization <secret>",
		"http-request set-header authorization Basic cAnary-7x":             "http-request set-header authorization <secret>",
		`option httpchk GET / HTTP/1.1\r\nAuthorization:\ Basic\ cAnary-7x`: `option httpchk GET / HTTP/1.1\r\nAuthorization:\ <secret>`,
		"    - --authorization-mode=Node,RBAC":                              "    - --authorization-mode=Node,RBAC",
		"    - --authorization-config=/etc/a.yaml":                          "    - --authorization-config=/etc/a.yaml",
		"": "",
	} {
		if got := string(Redact([]byte(in))); got != want {
			t.Errorf("Redact(%q)\n got  %q\n want %q", in, got, want)
		}
	}
}

// TestRedactLeavesRenderedFiles: nothing but the placeholder is blanked in
// what kplb writes, so that its diffs show all the rest.
func TestRedactLeavesRenderedFiles(t *testing.T) {
	t.Parallel()
	for path, a := range renderTree(t, loadCluster(t, casesDir+"/vrrp2-auth/inventory.yaml")) {
		want := strings.ReplaceAll(string(a.Content), "{kplb-secret:vrrp-auth}", "<secret>")
		if got := string(Redact(a.Content)); got != want {
			t.Errorf("%s is redacted to\n%s", path, got)
		}
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		old, content []byte
		want         string
	}{
		"equal":     {[]byte("a\n"), []byte("a\n"), ""},
		"both gone": {nil, nil, ""},
		"both empty": {
			[]byte{}, []byte{}, "",
		},
		"changed": {
			[]byte("a\nb\n"), []byte("a\nc\n"),
			"diff old new\n--- old\n+++ new\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n",
		},
		"no newline at the end": {
			[]byte("a"), []byte("a\n"),
			"diff old new\n--- old\n+++ new\n@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n",
		},
		"new": {
			nil, []byte("a\n"),
			"diff /dev/null new\n--- /dev/null\n+++ new\n@@ -0,0 +1,1 @@\n+a\n",
		},
		"removed": {
			[]byte("a\n"), nil,
			"diff old /dev/null\n--- old\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-a\n",
		},
		"new and empty":     {nil, []byte{}, "diff /dev/null new\n(an empty file)\n"},
		"removed and empty": {[]byte{}, nil, "diff old /dev/null\n(an empty file)\n"},
		"only a secret": {
			[]byte("auth_pass cAnary-7x\n"), []byte("auth_pass cAnary-7x2\n"),
			"diff old new\n(a secret changes; it is not shown)\n",
		},
		"a secret beside": {
			[]byte("auth_pass cAnary-7x\npriority 1\n"), []byte("auth_pass cAnary-7x2\npriority 2\n"),
			"diff old new\n--- old\n+++ new\n@@ -1,2 +1,2 @@\n auth_pass <secret>\n-priority 1\n+priority 2\n",
		},
		"a secret goes": {
			[]byte("a\n  auth_pass cAnary-7x\n"), []byte("a\n"),
			"diff old new\n--- old\n+++ new\n@@ -1,2 +1,1 @@\n a\n-  auth_pass <secret>\n",
		},
		"a secret comes": {
			nil, []byte("user x insecure-password cAnary-7x\n"),
			"diff /dev/null new\n--- /dev/null\n+++ new\n@@ -0,0 +1,1 @@\n+user x insecure-password <secret>\n",
		},
	} {
		got := string(Diff("old", test.old, "new", test.content))
		if got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, test.want)
		}
		if strings.Contains(got, canary) {
			t.Errorf("%s shows the secret", name)
		}
	}
}

// TestDiffOfFilledFiles: what apply shows of a node whose password changes.
func TestDiffOfFilledFiles(t *testing.T) {
	t.Parallel()
	a := renderTree(t, loadCluster(t, casesDir+"/vrrp2-auth/inventory.yaml"))["kubernetes-node-1"+KeepalivedPath]
	was := Secrets{VRRPAuth: "cAnary1"}.Fill(a).Content
	is := Secrets{VRRPAuth: "cAnary2"}.Fill(a).Content
	diff := Diff("on node", was, "planned", is)
	if len(diff) == 0 || bytes.Contains(diff, []byte("cAnary")) {
		t.Errorf("got\n%s", diff)
	}
}
