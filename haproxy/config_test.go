package haproxy

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMaxConn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, config string
		want         uint64
	}{
		{"of the global section", "global\n    maxconn 4096\ndefaults\n    maxconn 9\n", 4096},
		{"the largest of two", "global\n    maxconn 4096\n    maxconn 90000000\n", 90000000},
		{"a section that is not indented differently", "  global\nmaxconn 7\nfrontend f\nmaxconn 9\n", 7},
		{"none", "defaults\n    maxconn 9\n", 0},
		{"a comment", "global\n    # maxconn 9\n", 0},
		{"no number", "global\n    maxconn many\n", 0},
		{"beyond all numbers", "global\n    maxconn 99999999999999999999999\n", math.MaxUint32},
	} {
		if got := Parse([]byte(c.config)).MaxConn(); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestBinds(t *testing.T) {
	t.Parallel()
	c := Parse([]byte(`frontend kube-apiserver-in
    bind 10.1.233.1:8443
    bind [fd10:1::100]:8443 v6only
    # bind 10.1.233.9:443
    bind :443
    bind
frontend service-web-in
    bind 10.1.233.1:80
`))
	if got := fmt.Sprint(c.Binds()); got != "[10.1.233.1:8443 [fd10:1::100]:8443 10.1.233.1:80]" {
		t.Errorf("binds %s", got)
	}
	if got := c.BindOf(netip.MustParseAddr("10.1.233.1")); got.String() != "10.1.233.1:8443" {
		t.Errorf("the first of 10.1.233.1 is %s", got)
	}
	if got := c.BindOf(netip.MustParseAddr("10.1.233.2")); got.IsValid() {
		t.Errorf("10.1.233.2 has %s", got)
	}
}

func TestServers(t *testing.T) {
	t.Parallel()
	c := Parse([]byte("backend kube-apiserver\n    server a 10.1.1.1:6443 tcp-ut 10s\n    server b 10.1.1.2:6443\n    server c\n    default-server check\n"))
	want := []Server{{"a", "10.1.1.1:6443", []string{"tcp-ut", "10s"}}, {"b", "10.1.1.2:6443", []string{}}}
	if d := cmp.Diff(want, c.Servers()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestExpectedStatus(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"http-check expect status 200":          "200",
		"http-check expect status 200,401 # ok": "200,401",
		"http-check expect ! status 500":        "",
		"http-check expect status 200-399":      "",
		"http-check expect string ok":           "",
		"# http-check expect status 200":        "",
	} {
		if got := Parse([]byte("backend b\n    " + line + "\n")).ExpectedStatus(); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

func TestCheckedPath(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"http-check send meth GET uri /readyz": "/readyz",
		"http-check send meth GET uri":         "",
		"option httpchk":                       "",
		"option httpchk /healthz":              "/healthz",
		"option httpchk GET /livez HTTP/1.1":   "/livez",
		"option tcplog":                        "",
		"use_backend uri /x":                   "",
	} {
		if got := (Line{Words: strings.Fields(line)}).CheckedPath(); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}
