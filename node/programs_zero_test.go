package node

import (
	"testing"

	"github.com/kplb/kplb/node/programtest"
)

const ownStamp = "# kplb: made from cluster \"home\" for node-1; edit the inventory instead of this file; sum 0123456789abcdef\n"

// TestProgramsForeignKept: generation 0 has what others have made byte for byte, and
// what it includes is not touched.
func TestProgramsForeignKept(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := freshNode(t, shell)
		n := o.node
		foreign := map[string]string{
			"/etc/haproxy/haproxy.cfg":          "frontend ingress-https\r\n\tbind *:443 # \xff\x01 \\ no end of line",
			"/etc/keepalived/keepalived.conf":   "\n\ninclude conf.d/*.conf\n",
			"/etc/keepalived/conf.d/second.txt": "vrrp_instance A {\n}\n",
		}
		for path, content := range foreign {
			n.Write(path, content, 0o640)
		}
		n.Must("systemctl start keepalived.service; systemctl disable haproxy.service")
		o.does(t, first, "confirm")
		const zero = basePath + "/generations/0"
		for _, path := range []string{haproxyCfg, "/etc/keepalived/keepalived.conf"} {
			same(t, path, n.Read(zero+"/files"+path), foreign[path])
			same(t, "its mode", n.Must("stat -c %a "+zero+"/files"+path), "640\n")
		}
		same(t, "units", n.Must("grep -e '^haproxy' -e '^keepalived' "+zero+"/units"), "keepalived active disabled\nhaproxy active disabled\n")
		same(t, "the included file", n.Read("/etc/keepalived/conf.d/second.txt"), foreign["/etc/keepalived/conf.d/second.txt"])
		n.Must("cp -p " + zero + "/files" + haproxyCfg + " " + haproxyCfg + " && cmp " + zero + "/files" + haproxyCfg + " " + haproxyCfg)
	})
}

// TestProgramsOwnIsNotBefore: where kplb's directory was lost, its own files are not
// what was there before kplb.
func TestProgramsOwnIsNotBefore(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := freshNode(t, shell)
		n := o.node
		n.Write(haproxyCfg, "# before kplb\n", 0o644)
		n.Write("/etc/keepalived/keepalived.conf", ownStamp+"vrrp_script check {\n}\n", 0o600)
		n.Write("/etc/sysctl.d/90-kplb.conf", ownStamp+"net.ipv4.ip_nonlocal_bind = 1\n", 0o644)
		n.Write("/etc/systemd/system/kplb-redirect.service", ownStamp+redirectUnit, 0o644)
		n.Must("systemctl start keepalived.service; echo 1 >/proc/sys/net/ipv4/ip_nonlocal_bind")
		o.does(t, first, "confirm")
		const zero = basePath + "/generations/0"
		same(t, "stamped files", n.Must("grep -rl 'kplb: made' "+zero+" || true"), "")
		same(t, "index", n.Must("grep -e haproxy.cfg -e keepalived.conf -e sysctl.d -e kplb-redirect.service "+zero+"/index | sort"),
			"absent /etc/keepalived/keepalived.conf\nabsent /etc/sysctl.d/90-kplb.conf\nabsent /etc/systemd/system/kplb-redirect.service\nfile /etc/haproxy/haproxy.cfg\n")
		same(t, "haproxy.cfg", n.Read(zero+"/files"+haproxyCfg), "# before kplb\n")
		same(t, "keepalived", n.Must("grep '^keepalived ' "+zero+"/units"), "keepalived inactive disabled\n")
		same(t, "the setting", n.Must("cat "+zero+"/nonlocal_bind"), "0\n")
		_, own := o.snapshot("0").Said("own")
		same(t, "the snapshot says so", own, true)
		same(t, "nothing else", n.Exists(zero+"/index.new") || n.Exists(zero+"/units.new"), false)
	})
}
