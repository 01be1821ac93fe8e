package node

import (
	"testing"
)

// TestOwners: whose a socket is, is known by its process, whatever that is called.
func TestOwners(t *testing.T) {
	t.Parallel()
	f := &Facts{Units: map[string]Unit{"haproxy.service": {MainPID: 500}, "keepalived.service": {MainPID: 600}}}
	for _, fields := range [][]string{
		{"500", "1", "haproxy", "/system.slice/haproxy.service", "haproxy\n-Ws"},
		{"501", "500", "haproxy", ""},
		{"502", "400", "haproxy", "/lab/node-1/system.slice/haproxy.service"},
		{"700", "1", "haproxy", "/system.slice/web.service"},
		{"701", "1", "haproxy", "/"},
		{"600", "1", "keepalived", "/system.slice/keepalived.service"},
		{"601", "600", "keepalived", "/system.slice/keepalived.service"},
		{"800", "1", "keepalived", "/kubepods/pod1", "keepalived\n-f\n/etc/x"},
		{"801", "800", "keepalived_vrrp", "/kubepods/pod1"},
		{"x"},
	} {
		if err := f.take(record("process", fields...)); err != nil {
			t.Fatal(err)
		}
	}
	for line, want := range map[string]string{
		`users:(("haproxy",pid=500,fd=5))`:                            "",
		`users:(("haproxy",pid=501,fd=5))`:                            "",
		`users:(("haproxy",pid=502,fd=5))`:                            "",
		`users:(("haproxy",pid=700,fd=5),("haproxy",pid=501,fd=5))`:   "",
		`users:(("haproxy",pid=700,fd=5))`:                            "pid 700, web.service",
		`users:(("haproxy",pid=701,fd=5))`:                            "pid 701",
		`users:(("haproxy",pid=999,fd=5),("haproxy",pid=1000,fd=50))`: "pid 999",
		`users:(("nginx",pid=999,fd=5))`:                              "",
		``:                                                            "",
	} {
		got := parseListeners("LISTEN 0 4096 127.0.0.1:8404 0.0.0.0:* "+line, f.outsideHAProxy)
		same(t, line, got[0].Outside, want)
		same(t, line, got[0].IsHAProxy(), want == "" && got[0].Process == "haproxy")
	}
	others := f.OtherKeepaliveds()
	same(t, "other keepaliveds", len(others), 1)
	same(t, "its arguments", others[0].Args, []string{"keepalived", "-f", "/etc/x"})
}

// TestConfiguration: a process in a container has files of its own.
func TestConfiguration(t *testing.T) {
	t.Parallel()
	f := &Facts{Files: map[string]File{"/etc/a": {UID: 1}, "/proc/7/root/etc/a": {UID: 2}}}
	for _, c := range []struct {
		of   Process
		uid  int
		read bool
	}{
		{Process{PID: 7, Group: "/kubepods/pod1"}, 2, true},
		{Process{PID: 8, Group: "/kubepods/pod1"}, 1, false},
		{Process{PID: 8, Group: "/system.slice/other.service"}, 1, true},
	} {
		file, ok := f.Configuration(c.of, "/etc/a")
		same(t, c.of.String(), ok, c.read)
		same(t, c.of.String(), file.UID, c.uid)
	}
}

// TestCommandLine: how a daemon is started, as systemd works it out.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	const debian = "Id=haproxy.service\nMainPID=0\nExecStart={ path=/usr/sbin/haproxy ; argv[]=/usr/sbin/haproxy -Ws -f $CONFIG -p $PIDFILE $EXTRAOPTS ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }\n" +
		"Environment=CONFIG=/etc/haproxy/haproxy.cfg PIDFILE=/run/haproxy.pid \"EXTRAOPTS=-S /run/haproxy-master.sock\"\nEnvironmentFiles=/etc/default/haproxy (ignore_errors=yes)\nEnvironmentFiles=/etc/sysconfig/haproxy (ignore_errors=yes)\n"
	for _, c := range []struct {
		name, defaults string
		want           []string
	}{
		{"the package's", "", []string{"/usr/sbin/haproxy", "-Ws", "-f", "/etc/haproxy/haproxy.cfg", "-p", "/run/haproxy.pid", "-S", "/run/haproxy-master.sock"}},
		{"another file", "# CONFIG=x\nCONFIG='/etc/haproxy/mine.cfg'\n", []string{"/usr/sbin/haproxy", "-Ws", "-f", "/etc/haproxy/mine.cfg", "-p", "/run/haproxy.pid", "-S", "/run/haproxy-master.sock"}},
		{"a second one", "\n;x\nexport EXTRAOPTS=\"-f /etc/haproxy/conf.d\"\n", []string{"/usr/sbin/haproxy", "-Ws", "-f", "/etc/haproxy/haproxy.cfg", "-p", "/run/haproxy.pid", "-f", "/etc/haproxy/conf.d"}},
		{"nothing more", "EXTRAOPTS=\n", []string{"/usr/sbin/haproxy", "-Ws", "-f", "/etc/haproxy/haproxy.cfg", "-p", "/run/haproxy.pid"}},
	} {
		f := &Facts{Units: parseUnits(debian), Files: map[string]File{"/etc/default/haproxy": {Content: []byte(c.defaults)}}}
		same(t, c.name, f.CommandLine("haproxy.service"), c.want)
	}
	f := &Facts{Units: parseUnits(debian + "MainPID=7\n"), Processes: []Process{{PID: 7, Args: []string{"haproxy", "-f", "/x"}}}}
	same(t, "running", f.CommandLine("haproxy.service"), []string{"haproxy", "-f", "/x"})
	same(t, "unknown", f.CommandLine("keepalived.service"), []string(nil))
	same(t, "no command", (&Facts{Units: map[string]Unit{"a": {Command: []string{"x"}}}}).CommandLine("a"), []string(nil))
}
