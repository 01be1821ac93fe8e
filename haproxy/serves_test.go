package haproxy

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// debian is what the package of Debian 12 installs, but for comments and ciphers;
// Ubuntu's has the same lines.
const debian = `global
	log /dev/log	local0
	log /dev/log	local1 notice
	chroot /var/lib/haproxy
	stats socket /run/haproxy/admin.sock mode 660 level admin
	stats timeout 30s
	user haproxy
	group haproxy
	daemon

	# Default SSL material locations
	ca-base /etc/ssl/certs
	crt-base /etc/ssl/private
        ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets

defaults
	log	global
	mode	http
	option	httplog
	option	dontlognull
        timeout connect 5000
        timeout client  50000
        timeout server  50000
	errorfile 400 /etc/haproxy/errors/400.http
`

// TestServes: whatever HAProxy does with a file, however it is written.
func TestServes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, config string
		want         []string
	}{
		{"nothing", "", nil},
		{"comments", "# a frontend: bind *:443\n\n", nil},
		{"the package's own", debian, nil},
		{"a backend alone", "backend web\n    server a 10.1.1.1:80\n", nil},
		{"a frontend without bind", debian + "frontend f\n    mode http\n", nil},
		{"every address", debian + "frontend ingress-https\n    bind *:443\n", []string{"stops listening on *:443 (frontend ingress-https)"}},
		{"no address", "frontend f\nbind :443", []string{"stops listening on *:443 (frontend f)"}},
		{"zeros", "frontend f\nbind 0.0.0.0:443", []string{"stops listening on *:443 (frontend f)"}},
		{"IPv6, as it was written once", "frontend f\nbind :::443 v4v6", []string{"stops listening on *:443 (frontend f)"}},
		{"IPv6", "frontend f\nbind [fd10:1::9]:443", []string{"stops listening on [fd10:1::9]:443 (frontend f)"}},
		{"a family", "frontend f\nbind ipv4@10.1.1.1:80", []string{"stops listening on 10.1.1.1:80 (frontend f)"}},
		{"several on a line, with quotes and a comment", "listen web\n  bind \"10.1.1.1:80,\"10.1.1.2:80 # both\n", []string{
			"stops listening on 10.1.1.1:80 (listen web)", "stops listening on 10.1.1.2:80 (listen web)",
		}},
		{"a range", "listen ftp\n  bind 10.1.1.1:30000-30100\n", []string{"stops listening on 10.1.1.1:30000-30100 (listen ftp)"}},
		{"a variable", "frontend f\nbind \"${ADDRESS}:80\"\nbind *:${PORT}\n", []string{"stops listening on ${ADDRESS}:80 (frontend f)", "stops listening on *:${PORT} (frontend f)"}},
		{"a name", "frontend f\nbind node-1:80", []string{"stops listening on node-1:80 (frontend f)"}},
		{"a socket", "frontend f\nbind /run/web.sock\nbind unix@/run/a\nbind abns@b\nbind fd@${FD}\nbind quic4@:443 ssl", []string{
			"stops listening on /run/web.sock (frontend f)", "stops listening on unix@/run/a (frontend f)", "stops listening on abns@b (frontend f)",
			"stops listening on fd@${FD} (frontend f)", "stops listening on quic4@:443 (frontend f)",
		}},
		{"of HAProxy before 1.7", "listen web :80\nfrontend f 10.1.1.1:81,10.1.1.2:81\nlisten x from d\n", []string{
			"stops listening on *:80 (listen web)", "stops listening on 10.1.1.1:81 (frontend f)", "stops listening on 10.1.1.2:81 (frontend f)",
		}},
		{"not indented, between others", "backend b\nlisten l\nbind :1\nbackend c\n", []string{"stops listening on *:1 (listen l)"}},
		{"disabled", "listen l\nbind :1\ndisabled\n", nil},
		{"enabled again", "listen l\nbind :1\ndisabled\nenabled\n", []string{"stops listening on *:1 (listen l)"}},
		{"in a condition", ".if defined(X)\nlisten l\nbind :1\n.endif\n", []string{"stops listening on *:1 (listen l)"}},
		{"peers", "peers p\n    bind :10000\n    server a 10.1.1.1:10000\n", []string{"stops listening on *:10000 (peers p)", "stops exchanging tables with its peers (peers p)"}},
		{"syslog", "log-forward sys\n    dgram-bind 10.1.1.1:514\n    bind 10.1.1.1:514\n", []string{
			"stops listening on 10.1.1.1:514 (log-forward sys)", "stops listening on 10.1.1.1:514 (log-forward sys)",
		}},
		{"a program", "program api\n    command /usr/bin/dataplaneapi\n", []string{"stops running a program (program api)"}},
		{"an open socket for administrators", "global\n stats socket ipv4@10.1.1.1:9999 level admin\n stats socket\n", []string{"stops listening on 10.1.1.1:9999 (global)"}},
		{"another socket for administrators", "global\n stats socket /run/mine.sock\n", []string{"stops listening on /run/mine.sock (global)"}},
		{"Lua", "global\n lua-load-per-thread /etc/haproxy/x.lua\n", []string{"stops running `lua-load-per-thread /etc/haproxy/x.lua` (global)"}},
		{"a section that is newer than this", "crt-store web\n  load crt a.pem\n", nil},
		{"no section", "{\"admin\": {}}\n", []string{"stops what line 1 of its file, `{admin: {}}`, asks for"}},
		{"bytes", "\x00\x01", []string{"stops what line 1 of its file, `\x00\x01`, asks for"}},
	} {
		var got []string
		for _, s := range Parse([]byte(c.config)).Serves() {
			got = append(got, s.String())
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

// TestCarriedOn: a new file does what an old one did if it listens there, whatever
// its sections are called.
func TestCarriedOn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		was, now string
		want     bool
	}{
		{"frontend a\nbind 10.1.1.9:443", "frontend b\nbind 10.1.1.9:443", true},
		{"frontend a\nbind 10.1.1.9:443", "frontend b\nbind 10.1.1.9:444", false},
		{"frontend a\nbind 10.1.1.9:443", "frontend b\nbind 10.1.1.8:443", false},
		{"frontend a\nbind 10.1.1.9:443", "frontend b\nbind :443", true},
		{"frontend a\nbind :443", "frontend b\nbind 10.1.1.9:443", false},
		{"frontend a\nbind :443", "frontend b\nbind [::]:443", true},
		{"frontend a\nbind :443", "frontend b\nbind :400-500", true},
		{"frontend a\nbind :400-500", "frontend b\nbind :443", false},
		{"frontend a\nbind /run/a", "frontend b\nbind /run/a", true},
		{"frontend a\nbind /run/a", "frontend b\nbind /run/b", false},
		{"frontend a\nbind :${PORT}", "frontend b\nbind :1", false},
		{"program a\ncommand a", "program a\ncommand a", true},
		{"program a\ncommand a", "program b\ncommand a", false},
		{"peers a\n", "peers kplb\n", false},
	} {
		was, now := Parse([]byte(c.was)).Serves(), Parse([]byte(c.now)).Serves()
		if got := was[0].CarriedOn(now); got != c.want {
			t.Errorf("%q by %q: %v, want %v", c.was, c.now, got, c.want)
		}
	}
}

func TestServedWhere(t *testing.T) {
	t.Parallel()
	at := netip.MustParseAddrPort("10.1.233.1:6443")
	for config, want := range map[string][2]bool{
		"listen l\nbind 10.1.233.1:6443":      {true, false},
		"listen l\nbind *:6443":               {false, true},
		"listen l\nbind 10.1.233.1:6443-6444": {false, false},
		"listen l\nbind *:6443-6444":          {false, false},
		"listen l\nbind 10.1.233.2:6443":      {false, false},
		"listen l\nbind unix@/run/x":          {false, false},
	} {
		s := Parse([]byte(config)).Serves()[0]
		if got := [2]bool{s.ListensAt(at), s.ListensEverywhere(6443)}; got != want {
			t.Errorf("%q: %v, want %v", config, got, want)
		}
	}
}
