//go:build faults

package faults

import "strings"

// foreignFaults are others that are present by their files and processes: nothing of
// theirs changes by a byte, and kplb says whose it is.
func foreignFaults() []fault {
	return []fault{
		{id: "H1a", name: "others are present (files): a configuration that serves something, in a file's place", count: 24, fast: 3, inject: foreignFile},
		{id: "H1b", name: "others are present (files): files beside kplb's", count: 8, fast: 1, inject: filesBeside},
		{id: "H1c", name: "others are present (processes): another haproxy or keepalived on kplb's ports and VIP", count: 6, fast: 1, inject: otherDaemon},
	}
}

// foreignConfigs are a file, what others have written there, and what kplb says.
var foreignConfigs = []struct{ path, content, says string }{
	{"/etc/haproxy/haproxy.cfg", `global\ndefaults\nfrontend ingress-https\n bind *:443\n`, "haproxy stops listening on *:443 (frontend ingress-https)"},
	{"/etc/haproxy/haproxy.cfg", `listen stats\n bind 127.0.0.1:9000\n stats enable\n`, "haproxy stops listening on 127.0.0.1:9000 (listen stats)"},
	{"/etc/haproxy/haproxy.cfg", `program api\n command /bin/sleep 9\n`, "haproxy stops running a program (program api)"},
	{"/etc/haproxy/haproxy.cfg", `no section at all\n`, "haproxy stops what line 1 of its file, `no section at all`, asks for"},
	{"/etc/keepalived/keepalived.conf", `vrrp_instance A {\n virtual_ipaddress {\n  10.1.233.9/16\n }\n}\n`, "keepalived gives up 10.1.233.9"},
	{"/etc/keepalived/keepalived.conf", `vrrp_instance A { virtual_ipaddress_excluded { 10.1.233.9 } }\n`, "keepalived gives up 10.1.233.9"},
	{"/etc/keepalived/keepalived.conf", `virtual_server 10.1.233.9 80 {\n}\n`, "keepalived stops balancing 10.1.233.9 80 (virtual_server)"},
	{"/etc/keepalived/keepalived.conf", `include /etc/keepalived/nowhere/*.conf\n`, "keepalived stops reading /etc/keepalived/nowhere/*.conf (include)"},
}

// foreignFile has --yes, --overwrite-drift and a rollback refused, each by what ends.
func foreignFile(t *trial) {
	t.quick = true
	node, f := nodeNumber(t.k), foreignConfigs[t.k/3%len(foreignConfigs)]
	t.on(node, "mv "+f.path+" /root/aside && printf '"+f.content+"' >"+f.path+" && chmod 640 "+f.path)
	before := t.on(node, "sha256sum "+f.path+"; stat -c '%a %u:%g %i' "+f.path)
	o := t.apply("--overwrite-drift")
	o.wait(patience)
	t.op = o
	t.wants(3)
	if want := nodeName(node) + ": " + f.says; !strings.Contains(o.all(), want) || !strings.Contains(o.all(), "--replace-foreign") {
		t.problem("H1: kplb does not say %q", want)
	}
	if now := t.on(node, "sha256sum "+f.path+"; stat -c '%a %u:%g %i' "+f.path); now != before {
		t.problem("H1: %s was %q and is %q", f.path, before, now)
	}
	t.on(node, "mv -f /root/aside "+f.path)
	t.notef("node %s: %s", node, f.says)
}

// filesBeside has files that kplb does not know where it has its own: an apply goes
// on, and they stay.
func filesBeside(t *trial) {
	node := nodeNumber(t.k)
	paths := []string{"/etc/haproxy/conf.d/web.cfg", "/etc/keepalived/conf.d/second.conf", "/etc/systemd/system/haproxy.service.d/10-own.conf", "/etc/sysctl.d/89-own.conf"}
	path := paths[t.k%len(paths)]
	dir := path[:strings.LastIndexByte(path, '/')]
	t.on(node, "mkdir -p "+dir+" && printf '# mine\\n' >"+path+" && chmod 604 "+path)
	before := t.on(node, "sha256sum "+path+"; stat -c '%a %u:%g %i %Y' "+path)
	o := t.apply()
	o.wait(patience)
	t.op = o
	t.wants(0)
	if now := t.on(node, "sha256sum "+path+"; stat -c '%a %u:%g %i %Y' "+path); now != before {
		t.problem("H1: %s was %q and is %q", path, before, now)
	}
	t.on(node, "rm "+path+"; rmdir "+dir+" 2>/dev/null; true")
	t.notef("node %s: %s", node, path)
}

// otherDaemons are others' daemons, and what kplb says of them. The keepalived would have
// the VIP after ten minutes.
var otherDaemons = []struct{ start, alive, says string }{
	{
		`printf 'defaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nlisten x\n bind 127.0.0.1:MONITOR\n' >/run/other.cfg && systemd-run --quiet --collect --unit=other haproxy -Ws -f /run/other.cfg`,
		"ss -Hltn src 127.0.0.1:MONITOR | wc -l", "is taken by haproxy outside of haproxy.service",
	},
	{
		`printf 'global_defs {\n vrrp_startup_delay 600\n}\nvrrp_instance A {\n interface eth0\n virtual_router_id 9\n priority 1\n virtual_ipaddress {\n  10.1.233.1\n }\n}\n' >/run/other.conf && systemd-run --quiet --collect --unit=other keepalived -n -f /run/other.conf -p /run/other.pid -r /run/other-vrrp.pid`,
		"pgrep -cf 'keepalived -n -f /run/other.con[f]'", "another keepalived (pid ",
	},
}

// otherDaemon has a second daemon of the same name, which is not taken for kplb's, and
// goes on.
func otherDaemon(t *trial) {
	t.quick = true
	node, other := nodeNumber(t.k), otherDaemons[t.k%len(otherDaemons)]
	at := strings.NewReplacer("MONITOR", t.to.monitor)
	t.harm(node, at.Replace(other.start)+" && sleep 1")
	t.later(func() { t.on(node, "systemctl stop other; rm -f /run/other.cfg /run/other.conf; true") })
	before := t.on(node, at.Replace(other.alive))
	o := t.apply()
	o.wait(patience)
	t.op = o
	t.wants(3)
	if !strings.Contains(o.all(), nodeName(node)) || !strings.Contains(o.all(), other.says) {
		t.problem("H1: kplb does not say %q of node %s", other.says, node)
	}
	if now := t.on(node, at.Replace(other.alive)); now != before {
		t.problem("H1: the other daemon is gone: %q, and was %q", now, before)
	}
	t.on(node, "systemctl stop other; sleep 1")
	t.notef("node %s: %s", node, other.says)
}
