package kubeadm

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

// forms are values and lines in the ways that YAML has of writing them.
var forms = []string{
	"{}", "[]", "null", "~", "a", "'a'", `"a"`, "# a", "|\n  a", ">-\n  a\n  b", "[a, 'b']", "{a: b}", "a # b", "!!str a", "&a a", `"\x61"`, "", "a\n    b", "\"a\n  b\"",
	"controlPlaneEndpoint:", "apiServer:", "  certSANs:", "  - api.home", "  extraArgs:", "  - name: permit-port-sharing", "    value: \"false\"", "    permit-port-sharing: 'a'", "- name: b", "  - 10.1.233.1", "    server:", "token:", "client-key-data:", "  {}", "- ", "? a", ": b", "---",
}

// scribbled is a text in which lines were lost, doubled, moved, indented, given
// another value, and ended in another way.
func scribbled(r *rand.Rand, source string) []byte {
	lines := strings.SplitAfter(source, "\n")
	form := func() string { return forms[r.IntN(len(forms))] }
	for range 1 + r.IntN(4) {
		i, j := r.IntN(len(lines)), r.IntN(len(lines))
		switch r.IntN(9) {
		case 0:
			lines[i] = ""
		case 1:
			lines[i], lines[j] = lines[j], lines[i]
		case 2:
			lines[i] = strings.Repeat(" ", r.IntN(5)) + lines[i]
		case 3:
			lines[i] = strings.TrimPrefix(lines[i], "  ")
		case 4:
			lines[i] = form() + "\n" + lines[i]
		case 5:
			lines[i] += strings.Repeat(" ", r.IntN(5)) + form() + "\n"
		case 6:
			key, _, _ := strings.Cut(lines[i], ":")
			lines[i] = strings.TrimRight(key, "\r\n") + ": " + form() + "\n"
		case 7:
			lines[i] = strings.TrimRight(lines[i], "\r\n") + " # é " + form() + "\n"
		case 8:
			lines[i] = strings.ReplaceAll(lines[i], "\n", "\r\n")
		}
	}
	text := strings.Join(lines, "")
	switch r.IntN(8) {
	case 0:
		text = strings.TrimRight(text, "\r\n")
	case 1:
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	}
	return []byte(text)
}

// scribbles calls a test with texts that are made from the files of a
// directory, and wants a good part of them to be accepted.
func scribbles(t *testing.T, dir string, accepts func(t *testing.T, text []byte) bool) {
	t.Helper()
	paths, err := filepath.Glob("../testdata/kubeadm/" + dir + "/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const times = 400
	accepted, all := 0, 0
	for n, path := range paths {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(uint64(n), 1))
		for range times {
			text := scribbled(r, string(source))
			all++
			if accepts(t, text) {
				accepted++
			}
			if t.Failed() {
				t.Fatalf("with this text:\n%s", text)
			}
		}
	}
	if accepted < all/10 {
		t.Errorf("only %d of %d were accepted", accepted, all)
	}
}

// TestEditClusterScribbled: whatever a text looks like, the edit is whole or
// refused, and so is the way back.
func TestEditClusterScribbled(t *testing.T) {
	t.Parallel()
	for dir, e := range map[string]ClusterEdit{"cluster": vipEdit, "args": whole} {
		scribbles(t, dir, func(t *testing.T, text []byte) bool { return editedAndBack(t, text, e) })
	}
}

// editedAndBack makes an edit and takes it back, and says whether the text was
// accepted.
func editedAndBack(t *testing.T, text []byte, e ClusterEdit) bool {
	t.Helper()
	edited, err := EditCluster(text, e)
	if err != nil {
		return false
	}
	checkCluster(t, text, edited, e)
	was, _ := ParseCluster(text)
	back, err := ClusterLikeIn(edited, was.Before(e))
	if err != nil {
		t.Errorf("cannot be taken back: %v\n%s", err, edited)
		return false
	}
	is, err := ParseCluster(back)
	if err != nil || !cmp.Equal(was, is) {
		t.Errorf("going back means something else: %v\n%s", err, cmp.Diff(was, is))
	}
	return true
}

func TestSetEndpointScribbled(t *testing.T) {
	t.Parallel()
	ca := kubeconfigFile(t, "ca.crt")
	scribbles(t, "kubeconfig", func(t *testing.T, text []byte) bool {
		edited, err := SetEndpoint(text, ca, vipServer)
		if err != nil {
			return false
		}
		checkServers(t, text, edited, ca, vipServer)
		return true
	})
}

// TestHideScribbled: no value of a secret key is left where there is a parser
// that finds it, nor where there is none and the line says it.
func TestHideScribbled(t *testing.T) {
	t.Parallel()
	data := regexp.MustCompile(`-data("?): .*`)
	scribbles(t, "kubeconfig", func(t *testing.T, text []byte) bool {
		n := 0
		text = data.ReplaceAllFunc(text, func(found []byte) []byte {
			n++
			key, _, _ := bytes.Cut(found, []byte(":"))
			return fmt.Appendf(nil, []string{"%s: S%d", "%s:  'S%d'", "%s: \"S%d\" # c", "%s: |-\n            S%[2]d\n            S%[2]d\n", "%s: S%[2]d\n            S%[2]d"}[n%5], key, 1000+n)
		})
		hidden := string(Hide(text))
		root, err := parse(text)
		if root == nil {
			return err == nil
		}
		for _, secret := range secretValues(root, nil) {
			if strings.Contains(hidden, secret) {
				t.Errorf("shows %s:\n%s", secret, hidden)
			}
		}
		return true
	})
}

// secretValues are those of the S1234 that are values of keys ending in -data.
func secretValues(n *yaml.Node, found []string) []string {
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && slices.Contains([]string{"client-key-data", "client-certificate-data", "certificate-authority-data"}, n.Content[i-1].Value) {
			found = append(found, regexp.MustCompile(`S1\d{3}`).FindAllString(c.Value, -1)...)
		}
		found = secretValues(c, found)
	}
	return found
}

// TestScribbledNeverShown: no message of Client shows the data.
func TestScribbledNeverShown(t *testing.T) {
	t.Parallel()
	admin := string(kubeconfigFile(t, "admin.yaml"))
	secret := base64.StdEncoding.EncodeToString([]byte("-----BEGIN EC PRIVATE KEY-----"))
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		if _, _, err := Client(scribbled(r, admin)); err != nil && strings.Contains(err.Error(), secret[:12]) {
			t.Fatal(err)
		}
	}
}
