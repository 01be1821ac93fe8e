//go:build faults

package faults

import "strings"

// managed are the files of a generation, by the harness's own knowledge.
var managed = []string{
	"/etc/haproxy/haproxy.cfg", "/etc/keepalived/keepalived.conf", "/etc/keepalived/kplb-check", "/etc/sysctl.d/90-kplb.conf",
	"/etc/systemd/system/haproxy.service.d/50-kplb.conf", "/etc/systemd/system/keepalived.service.d/50-kplb.conf",
	"/etc/kubernetes/patches/kube-apiserver8kplb+json.yaml",
}

func placeFaults() []fault {
	return []fault{
		{id: "C2a", name: "symbolic link, directory, fifo, socket or device in a file's place", count: 35, fast: 5, inject: wrongKind},
		{id: "C2b", name: "kplb's own directory is a symbolic link", count: 3, fast: 1, inject: linkedBase},
		{id: "C2c", name: "a symbolic link where the new file is written first", count: 4, fast: 1, inject: linkedTemporary},
	}
}

func contains(text string, some ...string) bool {
	for _, s := range some {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

// wrongKind puts something else in the place of a file: kplb must refuse it
// by its name, and must not follow it.
func wrongKind(t *trial) {
	t.quick = true
	kinds := []string{
		"ln -s /root/elsewhere PATH", "mkdir PATH", "mkfifo PATH", `perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0) && bind(S, sockaddr_un("PATH")) || die'`, "mknod PATH c 1 3",
	}
	node, path, kind := nodeNumber(t.k), managed[t.k%len(managed)], kinds[t.k/len(managed)%len(kinds)]
	t.on(node, "cp -a "+path+" /root/elsewhere && mv "+path+" /root/aside && "+strings.ReplaceAll(kind, "PATH", path)+" >/dev/null 2>&1 </dev/null; [ -e "+path+" ]")
	before := t.on(node, "sha256sum /root/elsewhere; stat -c '%F %a %u' "+path)
	o := t.apply()
	o.wait(patience)
	t.op = o
	t.wants(3)
	if !strings.Contains(o.all(), path) || !strings.Contains(o.all(), nodeName(node)) {
		t.problem("C2: kplb does not name %s on node %s", path, node)
	}
	if now := t.on(node, "sha256sum /root/elsewhere; stat -c '%F %a %u' "+path); now != before {
		t.problem("C2: %s was %q and is %q", path, before, now)
	}
	t.on(node, "rm -rf "+path+" && mv /root/aside "+path+" && rm -f /root/elsewhere")
	t.notef("node %s: %s", node, strings.ReplaceAll(kind, "PATH", path))
}

func linkedBase(t *trial) {
	t.quick = true
	node := nodeNumber(t.k)
	t.on(node, "mv /var/lib/kplb /root/kplb && ln -s /root/kplb /var/lib/kplb")
	o := t.apply()
	o.wait(patience)
	t.op = o
	t.wants(3)
	t.on(node, "rm /var/lib/kplb && mv /root/kplb /var/lib/kplb")
}

// linkedTemporary has a link wait where kplb writes before it renames: it
// must not be followed.
func linkedTemporary(t *trial) {
	node, file := nodeNumber(t.k), []string{"/etc/haproxy/.kplb-haproxy.cfg", "/etc/keepalived/.kplb-keepalived.conf"}[t.k%2]
	t.on(node, "echo precious >/root/precious && chmod 640 /root/precious && ln -s /root/precious "+file)
	o := t.apply()
	o.wait(patience)
	t.op = o
	if now := t.on(node, "cat /root/precious; stat -c '%a' /root/precious"); now != "precious\n640\n" {
		t.problem("C2: the file that %s pointed at is %q", file, now)
	}
	t.notef("node %s: %s, kplb ended with %d", node, file, o.code)
	if o.code != 0 {
		t.on(node, "rm -f "+file)
	}
	t.on(node, "rm -f /root/precious")
}
