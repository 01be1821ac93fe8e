//go:build faults

package faults

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kplb/kplb/lab/machines"
)

// edit changes one line of a template; an empty old text stands for all of it.
type edit struct{ what, old, now string }

var badHAProxy = []edit{
	{"unknown keyword", "    mode tcp\n", "    mode tcp\n    no-such-keyword\n"},
	{"unknown section", "defaults\n", "nonsense\n"},
	{"missing backend", "default_backend kube-apiserver", "default_backend nowhere"},
	{"truncated in a line", "    balance {{ .Cluster.HAProxy.Balance }}", "    balance {{ \"lea\" }}"},
	{"empty", "", "{{ \"\" }}"},
	{"the stamp alone", "", "{{ .Stamp }}\n"},
	{"bind to an address of nobody's family", "bind {{ . }}", "bind 300.1.1.1:6443"},
	{"port of sshd", "bind {{ . }}", "bind {{ . }}\n    bind 0.0.0.0:22"},
	{"port of the apiserver", "bind {{ . }}", "bind {{ . }}\n    bind {{ hostport $.Node.Address $.Cluster.Port }}"},
	{"does not listen on the VIP", "bind {{ . }}", "bind 127.0.0.1:16443"},
	{"port out of range", "bind {{ . }}", "bind {{ .Addr }}:99999"},
	{"more connections than files", "maxconn {{ .Cluster.HAProxy.MaxConn }}", "maxconn 90000000"},
	{"no servers", "    server {{ .Name }} {{ hostport .Address $.Cluster.Port }}", "    # {{ .Name }}"},
	{"servers on another port", "    server {{ .Name }} {{ hostport .Address $.Cluster.Port }}", "    server {{ .Name }} {{ hostport .Address 1 }}"},
	{"the same server twice", "    server {{ .Name }} {{ hostport .Address $.Cluster.Port }}", "    server same {{ hostport .Address $.Cluster.Port }}"},
	{"certificate authority is not there", "/etc/kubernetes/pki/ca.crt", "/etc/kubernetes/pki/none.crt"},
	{"user is not there", "user haproxy", "user nobody-here"},
	{"checks another path", "uri /readyz", "uri /nothing"},
	{"no check of the servers", "default-server check check-ssl", "default-server"},
	{"http mode", "    mode tcp\n", "    mode http\n"},
}

var badKeepalived = []edit{
	{"unknown keyword", "    nopreempt\n", "    nopreemptt\n"},
	{"interface is not there", "    interface {{ $.Interface }}", "    interface none0"},
	{"priority out of range", "priority {{ index .Priorities $.Node.Name }}", "priority 256"},
	{"priority misspelt", "priority {{ index .Priorities $.Node.Name }}", "prioriti {{ index .Priorities $.Node.Name }}"},
	{"virtual router out of range", "virtual_router_id {{ .VirtualRouterID }}", "virtual_router_id 0"},
	{"VIP is no address", "{{ host .Announced }} dev", "10.1.233.999/32 dev"},
	{"another VIP", "{{ host .Announced }} dev", "10.1.233.2/32 dev"},
	{"no VIP", "        {{ host .Announced }} dev {{ $.Interface }}\n", ""},
	{"truncated", "    track_script {\n        kplb_check\n    }\n", "    track_script {\n"},
	{"empty", "", "{{ \"\" }}"},
	{"the stamp alone", "", "{{ .Stamp }}\n"},
	{"password that would be cut", "    virtual_ipaddress {", "    authentication {\n        auth_type PASS\n        auth_pass much-too-long-for-it\n    }\n    virtual_ipaddress {"},
	{"script that everybody may write", `script "/etc/keepalived/kplb-check"`, `script "/tmp/check"`},
	{"version 2 with a fraction", "version {{ $.Cluster.VRRP.Version }}", "version 2"},
}

// badTemplate rolls a bad file out while clients use the VIP. It must be
// stopped on the nodes, and no connection may fail.
func badTemplate(name string, corpus []edit) func(*trial) {
	return func(t *trial) {
		t.quick = true
		e := corpus[t.k%len(corpus)]
		text, err := os.ReadFile(filepath.Join(t.Root, "templates", name))
		if err != nil {
			t.t.Fatal(err)
		}
		if e.old != "" && !strings.Contains(string(text), e.old) {
			t.problem("the template has no %q any more: the corpus is stale", e.old)
			return
		}
		bad := e.now
		if e.old != "" {
			bad = strings.Replace(string(text), e.old, e.now, 1)
		}
		file := t.write(strings.ReplaceAll(t.name, "/", "-")+"/"+name, bad)
		load := clients(t.Lab, 4, 0)
		o := t.apply("--templates", filepath.Dir(file))
		o.wait(patience)
		t.op = o
		count, failed := load.stop()
		t.notef("%s: kplb ended with %d, %d connections", e.what, o.code, count)
		t.wants(2, 3)
		if o.code == 2 { // refused before any node was asked
			t.op = nil
		}
		for _, err := range failed {
			t.problem("D: a connection through the VIP failed: %s", err)
		}
		_ = machines.Nodes
	}
}

// TestCorpora: every edit finds its place in the template, before the first lab
// is built.
func TestCorpora(t *testing.T) {
	for name, corpus := range map[string][]edit{"haproxy.cfg.tmpl": badHAProxy, "keepalived.conf.tmpl": badKeepalived} {
		text, err := os.ReadFile(filepath.Join("..", "..", "templates", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range corpus {
			if !strings.Contains(string(text), e.old) {
				t.Errorf("%s has no %q any more (%s)", name, e.old, e.what)
			}
		}
	}
}
