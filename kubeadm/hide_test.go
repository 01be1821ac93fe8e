package kubeadm

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHide(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"admin", "several-clusters", "crlf", "no-final-newline", "kube-proxy", "empty"} {
		golden(t, "../testdata/kubeadm/kubeconfig/"+name+".hidden", Hide(kubeconfigFile(t, name+".yaml")))
	}
}

// TestHideForms: S3CRET is in none of them, and what is beside it stays.
func TestHideForms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ source, want string }{
		"plain":              {"token: S3CRET\nname: a\n", "token: <hidden>\nname: a\n"},
		"all keys":           {"client-key-data: S3CRET\nclient-certificate-data: S3CRET\ntoken: S3CRET\npassword: S3CRET\nid-token: S3CRET\nrefresh-token: S3CRET\nclient-secret: S3CRET\n", "client-key-data: <hidden>\nclient-certificate-data: <hidden>\ntoken: <hidden>\npassword: <hidden>\nid-token: <hidden>\nrefresh-token: <hidden>\nclient-secret: <hidden>\n"},
		"a CA":               {"certificate-authority-data: S3CRET\nserver: a\n", "certificate-authority-data: <certificate authority>\nserver: a\n"},
		"similar keys":       {"tokenFile: /a\nclient-key: /b\ntokens: 1\nusername: c\n", "tokenFile: /a\nclient-key: /b\ntokens: 1\nusername: c\n"},
		"other secrets":      {"access-token: S3CRET\nbootstrap_token: S3CRET\nTOKEN: S3CRET\n", "access-token: <hidden>\nbootstrap_token: <hidden>\nTOKEN: <hidden>\n"},
		"double quotes":      {`"token"  :  "S3CRET\" S3CRET"` + "\nname: a\n", `"token"  :  <hidden>` + "\nname: a\n"},
		"single quotes":      {`'token': 'S3CRET '' S3CRET'` + "\nname: a\n", `'token': <hidden>` + "\nname: a\n"},
		"comment behind":     {"token: S3CRET # or S3CRET\nname: a\n", "token: <hidden>\nname: a\n"},
		"literal":            {"u:\n  token: |\n    S3CRET\n\n    S3CRET\n  name: a\n", "u:\n  token: <hidden>\n  name: a\n"},
		"literal at the end": {"u:\n  token: |2-\n    S3CRET\n    -----S3CRET-----\n", "u:\n  token: <hidden>\n"},
		"folded in an item":  {"- token: >-\n    S3CRET\n  name: a\n- name: b\n", "- token: <hidden>\n  name: a\n- name: b\n"},
		"plain, lines":       {"token: S3CRET\n  S3CRET\n\n  S3CRET,\nname: a\n", "token: <hidden>\nname: a\n"},
		"quoted, lines":      {"token: \"S3CRET\n  S3CRET\n\n  S3CRET\"\nname: a\n", "token: <hidden>\nname: a\n"},
		"line below":         {"token:\n  S3CRET\nname: a\n", "token: <hidden>\nname: a\n"},
		"empty":              {"token:\n\nname: a\n", "token:\n\nname: a\n"},
		"empty quotes":       {"token: \"\"\nname: a\n", "token: <hidden>\nname: a\n"},
		"list":               {"token:\n- S3CRET\n- S3CRET\nname: a\n", "token:\n<hidden>\nname: a\n"},
		"mapping":            {"token:\n  a: S3CRET\n  b: [S3CRET]\nname: a\n", "token: <hidden>\nname: a\n"},
		"flow":               {"a: {token: S3CRET, b: [c], password: 'S3CRET', d: e}\nf: g\n", "a: {token: <hidden>, b: [c], password: <hidden>, d: e}\nf: g\n"},
		"flow, lines":        {"a: {token:\nS3CRET,\n  b: c}\n", "a: {token:\n<hidden>,\n  b: c}\n"},
		"JSON":               {`{"token":"S3CRET","a":1,"client-key-data":"S3CRET"}`, `{"token":<hidden>,"a":1,"client-key-data":<hidden>}`},
		"explicit key":       {"? token\n: S3CRET\nname: a\n", "? token\n: <hidden>\nname: a\n"},
		"key at the end":     {"? token\n", "? token\n"},
		"escaped key":        {`"tok\x65n": S3CRET` + "\nname: a\n", `"tok\x65n": <hidden>` + "\nname: a\n"},
		"tag and anchor":     {"token: !!str &a S3CRET\nname: a\n", "token: <hidden>\nname: a\n"},
		"alias":              {"a: &x S3CRET\ntoken: *x\nname: a\n", "a: <hidden>\ntoken: <hidden>\nname: a\n"},
		"commented out":      {"#  token: S3CRET\n#    S3CRET\nname: a\n  # password: |\n  #   S3CRET\n#b\n", "#  token: <hidden>\nname: a\n  # password: <hidden>\n#b\n"},
		"an argument":        {"args: [--token=S3CRET]\nb: c\n", "args: [--token=<hidden>\nb: c\n"},
		"text in text":       {"kubeconfig: |\n  users:\n  - user:\n      token: |\n        S3CRET\n    name: a\n", "kubeconfig: |\n  users:\n  - user:\n      token: <hidden>\n    name: a\n"},
		"JSON in text":       {`a: "{\"token\":\"S3CRET\",\"b\":1}"` + "\nc: d\n", `a: "{\"token\":<hidden>` + "\nc: d\n"},
		"Windows":            {"token: S3CRET\r\n  S3CRET\r\nname: a\r\n", "token: <hidden>\r\nname: a\r\n"},
		"hidden already":     {"token: <hidden>\nname: a\n", "token: <hidden>\nname: a\n"},

		// what no parser takes
		"broken":               {"{\ntoken: S3CRET\nname: a\n", "{\ntoken: <hidden>\nname: a\n"},
		"broken, literal":      {"\t{\nu:\n  token: |\n    S3CRET\n\n    S3CRET\n\n  name: a\n", "\t{\nu:\n  token: <hidden>\n\n  name: a\n"},
		"broken, line below":   {"\t{\n  token:\n    S3CRET\n  name: a\n", "\t{\n  token: <hidden>\n  name: a\n"},
		"broken, list below":   {"\t{\n  token:\n  - S3CRET\n  name: a\n", "\t{\n  token: <hidden>\n  name: a\n"},
		"broken, nothing":      {"\t{\n  token:\n  name: a\n", "\t{\n  token:\n  name: a\n"},
		"broken, quotes":       {"\t{\ntoken: 'S3CRET\nS3CRET ''\nS3CRET'\nname: a\n", "\t{\ntoken: <hidden>\nname: a\n"},
		"broken, open quote":   {"\t{\nname: a\ntoken: \"S3CRET\nS3CRET\n", "\t{\nname: a\ntoken: <hidden>\n"},
		"broken, quote closed": {"\t{\ntoken: \"S3CRET\" S3CRET\n  S3CRET\nname: a\n", "\t{\ntoken: <hidden>\nname: a\n"},
		"broken JSON":          {"{\"token\": \"S3CRET\", \"a\": {\"password\":\"S3CRET\"},\n  \"b\": 1\n", "{\"token\": <hidden>, \"a\": {\"password\":<hidden>},\n  \"b\": 1\n"},
		"broken, in an item":   {"\t{\n- token: S3CRET\n  name: a\n", "\t{\n- token: <hidden>\n  name: a\n"},
		"broken, comment":      {"\t{\n# token: 'S3CRET\n# S3CRET\nname: a\n", "\t{\n# token: <hidden>\nname: a\n"},
		"a literal <hidden>":   {"\t{\ntoken: <hidden> S3CRET\n  S3CRET\nname: a\n", "\t{\ntoken: <hidden>\nname: a\n"},
		"two documents":        {"token: S3CRET\n---\ntoken: S3CRET\n", "token: <hidden>\n---\ntoken: <hidden>\n"},
		"a key twice":          {"token: S3CRET\ntoken:\n S3CRET\n", "token: <hidden>\ntoken: <hidden>\n"},
		"not UTF-8":            {"a: \xff\ntoken: S3CRET\n", "a: \xff\ntoken: <hidden>\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := []byte(c.source)
			got := Hide(source)
			if d := cmp.Diff(c.want, string(got)); d != "" || strings.Contains(string(got), "S3CRET") {
				t.Errorf("(-want +got):\n%s", d)
			}
			if string(source) != c.source {
				t.Error("the source was changed")
			}
		})
	}
}

// TestHideLarge: what is too large for the parser is hidden, too.
func TestHideLarge(t *testing.T) {
	t.Parallel()
	used := threadTime(t)
	source := strings.Repeat("token: S3CRET\n\n", 1<<17) + "#" + strings.Repeat("token", 1<<18)
	if got := Hide([]byte(source)); bytes.Contains(got, []byte("S3CRET")) || bytes.Count(got, []byte("<hidden>")) != 1<<17 {
		t.Errorf("%d bytes, %d hidden", len(got), bytes.Count(got, []byte("<hidden>")))
	}
	for _, c := range []string{"{token: ", "'token': '", "? token\n: ", "token:\n\n", "- token: |\n   "} {
		Hide([]byte(strings.Repeat(c, 1<<20/len(c))))
	}
	if took := threadTime(t) - used; took.Seconds() > 20 {
		t.Errorf("took %s", took)
	}
}

// FuzzHide: no panic, and no secret is left behind, whatever is around it.
func FuzzHide(f *testing.F) {
	seed(f, "kubeconfig", "cluster")
	f.Add([]byte("a: {token:\n  S3CRET }\n"))
	left := regexp.MustCompile(`(?m)^ *(client-key-data|token): *\w`)
	f.Fuzz(func(t *testing.T, source []byte) {
		if hidden := Hide(source); left.Match(hidden) {
			t.Errorf("%q leaves %q", source, hidden)
		}
		around := append(append(bytes.Clone(source), "\ntoken: S3CRET\n"...), source...)
		if !bytes.Contains(source, []byte("S3CRET")) && bytes.Contains(Hide(around), []byte("S3CRET")) {
			t.Errorf("%q leaves the secret", around)
		}
	})
}
