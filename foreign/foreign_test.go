package foreign_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/foreign"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
)

func facts(args ...string) *node.Facts {
	f := &node.Facts{Files: map[string]node.File{}, Units: map[string]node.Unit{"haproxy.service": {MainPID: 500}}}
	f.Processes = []node.Process{{PID: 500, Name: "haproxy", Args: append([]string{"haproxy", "-Ws"}, args...)}}
	return f
}

// TestBesides: every file counts that HAProxy reads beside its own, those of a directory
// that end in .cfg, and one that the inspection has not read.
func TestBesides(t *testing.T) {
	t.Parallel()
	f := facts("-f", "/etc/haproxy/haproxy.cfg", "-f", "/etc/haproxy/conf.d/", "-f", "/srv/more.cfg", "-f", "/srv/empty")
	plantest.Put(f, "/etc/haproxy/conf.d/web.cfg", 0o644, []byte("listen web\n    bind *:80\n"))
	plantest.Put(f, "/etc/haproxy/conf.d/README", 0o644, []byte("listen not\n    bind *:81\n"))
	type file struct {
		path, serves string
		read         bool
	}
	besides := foreign.Besides(f)
	got := make([]file, 0, len(besides))
	for _, o := range besides {
		one := file{path: o.Path, read: o.Read}
		for _, s := range o.Serves {
			one.serves += s.String()
		}
		got = append(got, one)
	}
	same(t, got, []file{
		{"/etc/haproxy/conf.d/web.cfg", "stops listening on *:80 (listen web)", true},
		{"/srv/more.cfg", "", false}, {"/srv/empty", "", false},
	}, cmp.AllowUnexported(file{}))
	same(t, len(foreign.Besides(facts("-f", "/etc/haproxy/haproxy.cfg"))), 0)
}

// TestReads: a daemon reads kplb's file by its name, or by that of its directory.
func TestReads(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"/etc/haproxy/haproxy.cfg": true, "/etc/haproxy/": true, "/etc//haproxy/./haproxy.cfg": true, "/etc/haproxy/mine.cfg": false, "/etc": false} {
		same(t, foreign.Reads([]string{"/x", name}, "/etc/haproxy/haproxy.cfg"), want)
	}
	same(t, foreign.Reads(nil, "/etc/haproxy/haproxy.cfg"), false)
}

// TestHeldBy follows include lines, each file once; one that was not read is named.
func TestHeldBy(t *testing.T) {
	t.Parallel()
	const speaks = "vrrp_instance a {\n virtual_ipaddress {\n 10.1.233.9/16\n }\n}\n"
	f := facts()
	plantest.Put(f, "/etc/keepalived/keepalived.conf", 0o644, []byte(speaks))
	plantest.Put(f, "/etc/keepalived/conf.d/a.conf", 0o644, []byte(speaks+"include ../keepalived.conf\ninclude *.conf\n"))
	held := func(config string) string {
		var out strings.Builder
		for _, h := range foreign.HeldBy(f, "/etc/keepalived/keepalived.conf", []byte(config)) {
			fmt.Fprintln(&out, h)
		}
		return out.String()
	}
	same(t, held("include conf.d/*.conf\n"), "gives up 10.1.233.9\n")
	same(t, held("include /srv/*.conf\n"), "stops reading /srv/*.conf (include)\n")
	same(t, held("global_defs {\n}\n"), "")
}

func same(t *testing.T, got, want any, options ...cmp.Option) {
	t.Helper()
	if d := cmp.Diff(want, got, options...); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
