package node

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node/programtest"
	"github.com/kplb/kplb/remote"
)

// TestProgramsRenew starts the timer again, of the change that is in place.
func TestProgramsRenew(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := scenarios[0].before(t, shell, "activate")
		o.node.Told()
		same(t, "renew", o.node.Run(o.script("renew", nil, nil)).String(), "done \n")
		same(t, "told", o.node.Told(), []string{"systemctl restart kplb-restore.timer"})
		other := operator{node: o.node, txn: "txn9"}
		same(t, "another change", o.node.Run(other.script("renew", nil, nil)).Refused(), "the change was taken back")
		o.node.Fail("systemctl restart kplb-restore.timer")
		same(t, "a timer that does not start", o.node.Run(o.script("renew", nil, nil)).Done(), false)
		o.node.Fail()
		same(t, "and does again", o.node.Run(o.script("renew", nil, nil)).Done(), true)
		o.node.Elapse("kplb-restore.timer")
		same(t, "taken back", o.node.Run(o.script("renew", nil, nil)).Refused(), "the change was taken back: timer")
		same(t, "nothing is armed", o.node.IsArmed("kplb-restore.timer"), false)
	})
}

// TestProgramsActivateRefuses: a daemon that does not do what it should with its
// new file is refused, and the way back has it run with the old one.
func TestProgramsActivateRefuses(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		of    scenario
		fail  string // what the stand-ins refuse
		then  string // sh, on the node, before
		sleep string // and while it sleeps
		says  string
	}{
		{"haproxy does not restart", scenarios[0], "systemctl restart haproxy*", ":", "", "haproxy does not restart: Job for haproxy.service failed."},
		{"keepalived does not start", scenarios[0], "systemctl start keepalived*", ":", "", "keepalived does not start: Job for keepalived.service failed."},
		{"haproxy does not reload", scenarios[1], "systemctl reload haproxy*", ":", "", "haproxy does not reload: Job for haproxy.service failed."},
		{"haproxy keeps its worker", scenarios[1], "", "touch /node/units/haproxy.service/deaf", "", "haproxy keeps its old worker after the reload:"},
		{"haproxy dies", scenarios[0], "", ":", "echo failed >/node/units/haproxy.service/active", "haproxy died after it had started:"},
		{"keepalived is restarted", scenarios[0], "", ":", "echo 999 >/node/units/keepalived.service/pid", "keepalived died, and was restarted:"},
		{"a setting", scenarios[0], "sysctl -q -p*", ":", "", "sysctl: stand-in: told to fail"},
		{"systemd", scenarios[0], "systemctl daemon-reload", ":", "", "systemctl: daemon-reload, or restart kplb-metrics.timer: "},
		{"enable", scenarios[0], "systemctl --quiet --no-reload enable*", ":", "", "systemctl enable keepalived.service kplb-redirect.service: "},
		{"a table", scenarios[0], "systemctl reload-or-restart kplb-redirect*", ":", "", "kplb-redirect does not start: Job for kplb-redirect.service failed."},
		{"a table stays", scenarios[1], "systemctl stop kplb-redirect*", ":", "", "kplb-redirect does not stop:"},
		{"another haproxy listens", scenarios[0], "", "sed -i 's/6443/1/' " + haproxyCfg + "; echo 'LISTEN 0 4096 10.1.1.1:6443 *:* users:((\"haproxy\",pid=7,fd=5))' >/node/listeners", "", "haproxy does not listen on 10.1.1.1:6443:"},
		{"another address", scenarios[0], "", "sed -i 's/6443/1/' " + haproxyCfg, "", "haproxy does not listen on 10.1.1.1:6443:"},
		{"taken back meanwhile", scenarios[0], "", "sh " + basePath + "/restore timer", "", "the change was taken back, because it was not confirmed in time"},
	}
	for i, c := range cases {
		alternately(t, i, c.name, func(t *testing.T, shell string) {
			o := c.of.before(t, shell, "activate")
			o.node.Must(c.then)
			if c.fail != "" {
				o.node.Fail(c.fail)
			}
			if c.sleep != "" {
				o.node.Meanwhile(c.sleep)
			}
			if a := o.node.Run(o.activate(c.of.change)); a.Done() || !strings.HasPrefix(a.Refused(), c.says) {
				t.Errorf("%s\nwant: %s", a, c.says)
			}
			o.node.Fail()
			o.node.Elapse("kplb-restore.timer")
			want := stateIn(c.of.stages(t, shell).states["stage"])
			got := stateOf(o.node)
			if c.name == "haproxy keeps its worker" { // and nothing makes this one read a file
				delete(got.Units, "haproxy.service")
				delete(want.Units, "haproxy.service")
			}
			same(t, "the node", got, want)
		})
	}
}

// TestProgramsStill: a daemon that has died since is seen before anything is confirmed.
func TestProgramsStill(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := scenarios[0].before(t, shell, "precommit")
		o.node.Write("/node/units/haproxy.service/pid", "999\n", 0o644)
		o.node.Write("/node/journal", "[ALERT] it died\n", 0o644)
		same(t, "refused", o.node.Run(o.precommit()).Refused(), "haproxy exited soon after it had loaded its new configuration:\n[ALERT] it died")
	})
}

// TestProgramsManifest: only the manifest that the plan has seen is replaced.
func TestProgramsManifest(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := scenarios[0].before(t, shell, "manifest")
		s := o.manifest(first)
		o.node.Write("/node/listeners", "LISTEN 0 4096 *:6443 *:* users:((\"kube-apiserver\",pid=42,fd=5)) ino:4711 sk:1\n", 0o644)
		const path = "/etc/kubernetes/manifests/kube-apiserver.yaml"
		o.node.Write(path, "edited\n", 0o600)
		same(t, "edited", o.node.Run(s).Refused(), path+" has changed since the plan was made")
		same(t, "it stays", o.node.Read(path), "edited\n")
		o.node.Write(path, "metadata:\n  name: old\n", 0o600)
		o.node.Must("mount -t tmpfs none /etc/kubernetes/manifests && echo 'metadata:\n  name: old' >" + path)
		same(t, "a file system of its own", o.node.Run(s).Refused(), "/etc/kubernetes/manifests is a file system of its own: a manifest cannot be put there in one step")
		o.node.Must("umount /etc/kubernetes/manifests")
		same(t, "replaced", o.node.Run(s).String(), "socket 4711\nplaced \ndone \n")
		same(t, "the new one", o.node.Read(path), first.manifest)
		same(t, "kubelet sees one file", o.node.Must("ls -A /etc/kubernetes/manifests"), "kube-apiserver.yaml\n")
	})
}

// TestProgramsForget removes all that kplb keeps, at once or in two goes, and
// nothing while a change waits.
func TestProgramsForget(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := scenarios[0].before(t, shell, "confirm")
		forget := func() programtest.Answer {
			return o.node.Run(o.script("forget", map[string]string{"KPLB_DIRS": strings.Join(madeDirs(), " ")}, nil))
		}
		same(t, "a change waits", forget().Refused(), "a change that is not confirmed yet is in place")
		same(t, "confirm", o.node.Run(o.confirm()).Done(), true)
		etc := o.node.Tree().Below("/etc").Files()
		o.node.Sweep(t, programtest.Kill, forget, func(t *testing.T, _ string, _ programtest.Answer) {
			same(t, "again", forget().Done(), true)
			same(t, "our directory", o.node.Exists(basePath) || o.node.Exists("/run/kplb.token") || o.node.Exists("/run/kplb.owner"), false)
		})
		same(t, "our directory", o.node.Exists(basePath), false)
		same(t, "files", o.node.Tree().Below("/etc").Files(), etc)
	})
}

// TestProgramsKeep: of the generations as many stay as are asked for, and the one
// from before kplb.
func TestProgramsKeep(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := scenarios[1].before(t, shell, "stage")
		for i, port := range []string{"1", "2", "3"} {
			o.txn = "txn" + string(rune('2'+i))
			o.does(t, change{files: map[string]programFile{haproxyCfg: {mode: "644", content: "frontend kube-apiserver\n  bind 10.1.1.1:" + port + "\n"}}, activate: map[string]string{"KPLB_HAPROXY": "reload"}}, "confirm")
		}
		same(t, "generations", o.node.Must("ls "+basePath+"/generations"), "0\n3\n4\n")
		a := o.node.Run(o.script("generations", map[string]string{"KPLB_GENERATION": "3", "KPLB_RECORDS": ""}, nil))
		current, _ := a.Said("current")
		same(t, "current", current, []string{"4"})
		same(t, "none", o.node.Run(o.script("generations", map[string]string{"KPLB_GENERATION": "1", "KPLB_RECORDS": ""}, nil)).Refused(), "there is no generation 1")

		// and back to what one has
		o.txn = "txn9"
		s := o.stage(change{files: map[string]programFile{haproxyCfg: {mode: "644", content: "x"}}})
		s.Vars["KPLB_FILES"] = strings.Replace(s.Vars["KPLB_FILES"], string(SumOf([]byte("x"))), "kept:3", 1)
		same(t, "stage", o.node.Run(s).String(), "done \n")
		same(t, "transact", o.node.Run(o.transact()).String(), "done \n")
		same(t, "haproxy.cfg", strings.Contains(o.node.Read(haproxyCfg), "bind 10.1.1.1:2\n"), true)
	})
}

// TestProgramsIssue: a certificate is issued beside the real one, and the authority's
// key does not stay there.
func TestProgramsIssue(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := freshNode(t, shell)
		for name, content := range map[string]string{"ca.crt": "ca", "ca.key": "secret", "apiserver.crt": "old", "apiserver.key": "old key"} {
			o.node.Write("/etc/kubernetes/pki/"+name, content+"\n", 0o600)
		}
		o.paths = []string{kubeadm.CertificatePath, kubeadm.CertificateKeyPath}
		stage := func() remote.Script {
			s := o.stage(change{})
			s.Vars["KPLB_FILES"] = "certificate 644 0:0 " + string(SumOf([]byte("old\n"))) + " issued " + kubeadm.CertificatePath + "\nkey 600 0:0 any issued " + kubeadm.CertificateKeyPath + "\n"
			s.Files["issuer"] = []byte("certificatesDir: " + basePath + "/stage/pki\n")
			return s
		}
		before := stateOf(o.node)
		o.node.Fail("kubeadm *")
		if a := o.node.Run(stage()); !strings.HasPrefix(a.Refused(), "kubeadm does not issue the certificate: ") {
			t.Error(a)
		}
		same(t, "the node", stateOf(o.node), before)
		o.node.Fail()
		same(t, "stage", o.node.Run(stage()).String(), "done \n")
		same(t, "no key of the authority's is staged", strings.Contains(o.node.Must("grep -r secret "+basePath+"/stage || true"), "ca.key"), false)
		same(t, "transact", o.node.Run(o.transact()).String(), "done \n")
		same(t, "issued", o.node.Read(kubeadm.CertificatePath)+o.node.Read(kubeadm.CertificateKeyPath), "certificate by secret\nkey\n")
		o.node.Elapse("kplb-restore.timer")
		same(t, "the node", stateOf(o.node), before)
	})
}

const tuple = "### tuple ### "

// TestProgramsFirewall adds and deletes kplb's rules, and touches no other; the way
// back undoes what was done, and no more.
func TestProgramsFirewall(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		const own = tuple + "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n"
		const ours = tuple + "allow vrrp any 0.0.0.0/0 any 10.1.1.2 in comment=6b706c62\n"
		o := freshNode(t, shell)
		o.paths = []string{ufwRulesPath, ufwRules6Path}
		o.node.Write(ufwRulesPath, own+ours, 0o640)
		o.node.Write(ufwRules6Path, "", 0o640)
		o.node.Write("/node/ufw", "", 0o644)
		before := stateOf(o.node)
		c := change{activate: map[string]string{
			"KPLB_OPEN":  "allow in vrrp 10.1.1.3 any 0\nallow out vrrp any 224.0.0.18 0\nallow in tcp any any 22\nallow in vrrp fd00::3 any 0\n",
			"KPLB_CLOSE": "delete in vrrp 10.1.1.2 any 0\ndelete in tcp any any 22\n",
		}}
		o.does(t, c, "activate")
		same(t, "rules", o.node.Read(ufwRulesPath), own+
			tuple+"allow vrrp any 0.0.0.0/0 any 10.1.1.3 in comment=6b706c62\n"+tuple+"allow vrrp any 224.0.0.18 any 0.0.0.0/0 out comment=6b706c62\n")
		same(t, "rules of IPv6", o.node.Read(ufwRules6Path), tuple+"allow vrrp any ::/0 any fd00::3 in comment=6b706c62\n")
		o.node.Told()
		o.node.Elapse("kplb-restore.timer")
		same(t, "the node", stateOf(o.node), before)
		for _, told := range o.node.Told() {
			same(t, "a reload lets everything in: "+told, strings.HasPrefix(told, "ufw reload"), false)
		}
	})
}

// TestProgramsFirewallRefuses what is not one of kplb's rules.
func TestProgramsFirewallRefuses(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, rules, lines, says string }{
		{"stopped", "", "allow in vrrp 10.1.1.3 any 0\n", "ufw is enabled in /etc/ufw/ufw.conf, but does not run: ufw reload starts it, ufw disable is for good"},
		{"a verb", "x", "disable in vrrp any any 0\n", "ufw cannot be told to disable in vrrp"},
		{"an address", "x", "allow in vrrp any;reboot any 0\n", "ufw cannot be told of any;reboot, any and 0"},
		{"an option", "x", "allow in vrrp --force any 0\n", "ufw cannot be told of --force, any and 0"},
		{"another rule for it", tuple + "deny tcp 6443 0.0.0.0/0 any 10.1.1.3 in\n", "allow in tcp 10.1.1.3 any 6443\n", "ufw has another rule for it: deny in tcp from 10.1.1.3 to any, which stays"},
		{"ufw", "x", "allow in vrrp 10.1.1.9 any 0\n", "ufw: allow in vrrp from 10.1.1.9 to any: stand-in: told to fail: "},
	}
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := freshNode(t, shell)
		o.does(t, change{}, "transact")
		o.node.Fail("ufw *10.1.1.9*")
		for _, c := range cases {
			o.node.Remove("/node/ufw")
			if c.rules != "" {
				o.node.Write("/node/ufw", "", 0o644)
			}
			o.node.Write(ufwRulesPath, c.rules, 0o640)
			a := o.node.Run(o.activate(change{activate: map[string]string{"KPLB_OPEN": c.lines}}))
			if a.Done() || !strings.HasPrefix(a.Refused(), c.says) {
				t.Errorf("%s: %s\nwant: %s", c.name, a, c.says)
			}
			same(t, c.name, o.node.Read(ufwRulesPath), c.rules)
		}
	})
}

// TestProgramsDrain: a server is drained only while another one is up, and the
// node gives it back by itself.
func TestProgramsDrain(t *testing.T) {
	t.Parallel()
	const up = "kube-apiserver,node-1,0,0,0,3,,9,9,9,,0,,0,0,0,0,UP\nkube-apiserver,node-2,0,0,2,3,,9,9,9,,0,,0,0,0,0,"
	programtest.EachShell(t, func(t *testing.T, shell string) {
		n := programtest.New(t, shell)
		run := func(state string) (string, []string) {
			n.Told()
			a := n.Run(remote.Script{
				Name: "drain", Body: text("drain"), Limit: time.Minute,
				Vars: map[string]string{"KPLB_BACKEND": APIServerBackend, "KPLB_SERVER": "node-1", "KPLB_STATE": state}, Files: map[string][]byte{"haproxy.pl": []byte("print $x;\n")},
			})
			return a.String(), n.Told()
		}
		said, told := run("drain")
		same(t, "no haproxy", said, "done \n")
		same(t, "told", told, []string(nil))
		n.Must("mkdir -p /run/haproxy && /usr/bin/perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => \"/run/haproxy/admin.sock\", Listen => 1) or die'")
		n.Write("/node/stat", up+"DOWN\n", 0o644)
		said, told = run("drain")
		same(t, "the last one that is up", said, "done \n")
		same(t, "told", told, []string(nil))
		n.Write("/node/stat", up+"UP 1/2\n", 0o644)
		said, told = run("drain")
		same(t, "drained", said, "drained 0\ndone \n")
		same(t, "told", told, []string{
			"systemd-run --quiet --collect --unit=kplb-undrain-node-1 --on-active=60 --timer-property=AccuracySec=1 perl -e print $$x; set server kube-apiserver/node-1 state ready",
			"perl - set server kube-apiserver/node-1 state drain",
		})
		n.Fail("systemd-run*")
		said, told = run("drain")
		same(t, "nobody would give it back", said, "done \n")
		same(t, "told", len(told), 1)
		n.Fail()
		_, told = run("ready")
		same(t, "given back", told, []string{"perl - set server kube-apiserver/node-1 state ready", "systemctl stop kplb-undrain-node-1.timer"})
	})
}

// TestProgramsPackages: nothing is installed before all has been fetched, and
// what a refusal has left is said.
func TestProgramsPackages(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		n := programtest.New(t, shell)
		run := func(names ...string) func(check bool) programtest.Answer {
			return func(check bool) programtest.Answer {
				return n.Run(PackagesRequest{Names: names, FetchOnly: check}.script())
			}
		}
		some := run("kplb-one", "kplb-two")
		n.Told()
		same(t, "fetched", some(true).String(), "done \n")
		const options = "apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold "
		same(t, "told", n.Told(), []string{"apt-get -q -o DPkg::Lock::Timeout=120 update", options + "--download-only install kplb-one kplb-two"})
		same(t, "installed", some(false).String(), "done \n")
		same(t, "told", n.Told(), []string{options + "install kplb-one kplb-two"})
		n.Fail("apt-get * update")
		same(t, "lists that cannot be updated", some(true).String(), "done \n")
		n.Fail("apt-get *install*")
		const refused = "refused apt-get install kplb-one kplb-two: E: Unable to locate package\nE: told to fail\nnode: packages: exit status 1\n"
		same(t, "refused", some(true).String(), refused)
		n.Write("/usr/local/sbin/kplb-two", "#!/bin/sh\n", 0o755)
		same(t, "refused half-way", some(false).String(), "touched \n"+refused)
	})
}

// TestProgramsCredentials reads the file at the path that it is given.
func TestProgramsCredentials(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := freshNode(t, shell)
		const path = "/etc/some where/admin.conf"
		o.node.Write(path, "kind: Config\n", 0o600)
		a := o.node.Run(o.script("credentials", map[string]string{"KPLB_KUBECONFIG": path}, nil))
		same(t, "read", a.String(), "kubeconfig "+base64.StdEncoding.EncodeToString([]byte("kind: Config\n"))+"\ndone \n")
	})
}

// TestProgramsInspect reads, and changes nothing, on a node in whatever state.
func TestProgramsInspect(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := scenarios[1].before(t, shell, "stage")
		n := o.node
		n.Write("/node/addresses", "2: eth0    inet 10.1.1.1/16 scope global eth0\n", 0o644)
		n.Write("/node/listeners", "LISTEN 0 4096 *:6443 *:* users:((\"kube-apiserver\",pid=42,fd=5))\nLISTEN 0 4096 *:22 *:* users:((\"sshd\",pid=4,fd=5))\n", 0o644)
		n.Write("/node/chains", "table inet own {\n\tchain input {\n\t\ttype filter hook input priority 0; policy drop;\n\t}\n}\n", 0o644)
		n.Must("ln -s /nowhere /etc/link && mkdir /etc/dir && touch /etc/kubernetes/manifests/.hidden")
		before := n.Tree().Without("/node/told")
		a := n.Run(o.script("inspect", map[string]string{
			"KPLB_PATHS": "etc/haproxy/haproxy.cfg etc/link etc/dir etc/nothing", "KPLB_PORTS": "6443 6443 8404 7443", "KPLB_MONITOR_PORT": "8404",
			"KPLB_HOMES": "1", "KPLB_FILTER": "1", "KPLB_KERNEL": "1", "KPLB_CONNECTED": "10.1.1.1:6443", "KPLB_VRRP": "1", "KPLB_SYSCTLS": "1",
		}, nil))
		if !a.Done() {
			t.Fatal(a)
		}
		same(t, "what is there", n.Tree().Without("/node/told"), before)
		for key, want := range map[string]string{
			"addresses": "2: eth0    inet 10.1.1.1/16 scope global eth0", "nonlocal_bind": "1", "filter": "inet own input", "sysctl": "net.ipv4.ip_nonlocal_bind 1",
			"version": "haproxy HAProxy version 2.6.12-1+deb12u3 2025/10/03 - https://haproxy.org/", "manifest": "kube-apiserver.yaml",
		} {
			fields, _ := a.Said(key)
			same(t, key, strings.Join(fields, " "), want)
		}
		listeners, _ := a.Said("listeners")
		worker := strings.TrimSpace(n.Read("/node/units/haproxy.service/worker"))
		same(t, "listeners", strings.Join(listeners, ""), "LISTEN 0 4096 *:6443 *:* users:((\"kube-apiserver\",pid=42,fd=5))\nLISTEN 0 4096 10.1.1.1:6443 0.0.0.0:* users:((\"haproxy\",pid="+worker+",fd=5)) ino:9 sk:1")
		for _, r := range a.Records {
			if r.Key != "files" {
				continue
			}
			data, err := r.Data(0)
			if err != nil {
				t.Fatal(err)
			}
			files, err := parseFiles(data)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "haproxy.cfg", string(files[haproxyCfg].Content), first.files[haproxyCfg].content)
			same(t, "a link, and a directory, are not followed", files["/etc/link"].Mode.IsRegular() || !files["/etc/dir"].Mode.IsDir(), false)
		}
	})
}
