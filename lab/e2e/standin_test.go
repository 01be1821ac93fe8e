//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const labInventory = "examples/lab.yaml"

// TestNothingChanges gives kplb everything that is wrong with nodes and
// files: it names node, cause and hint, and leaves every node as it was. Then
// the same lab is applied, and edited by hand.
func TestNothingChanges(t *testing.T) {
	t.Parallel()
	m := boot(t, "e2e-standin")
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) { c.check(t, m.in(t)) })
	}
	t.Run("trust", func(t *testing.T) { m.in(t).trust() })
	t.Run("secret", func(t *testing.T) { m.in(t).secret() })
	t.Run("hand edit", func(t *testing.T) { m.in(t).handEdit() })
	t.Run("apply cut short", func(t *testing.T) { m.in(t).cutShort() })
}

// refusal is one thing that is wrong, and what kplb says of it.
type refusal struct {
	name      string
	inflict   string // on node 2
	mend      string
	inventory string            // lines in place of those of examples/lab.yaml that begin alike
	files     map[string]string // in the directory that DIR names in args and env
	extra     map[string]string // added to built-in templates, likewise
	args      []string
	says      []string
}

var refusals = []refusal{
	{
		name: "node unreachable", inflict: "cut", mend: "mend",
		args: []string{"--connect-timeout", "3s"},
		says: []string{"kubernetes-node-2 (10.1.1.2:22): is not reachable"},
	},
	{
		name: "host key unknown", args: []string{"--known-hosts", "DIR/known_hosts"},
		says: []string{"kubernetes-node-2 (10.1.1.2:22): host key is unknown (ssh-ed25519 SHA256:", "kplb trust"},
	},
	{
		name:  "host key changed",
		files: map[string]string{"known_hosts": "10.1.1.2 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n"},
		args:  []string{"--known-hosts", "DIR/known_hosts"},
		says:  []string{"kubernetes-node-2 (10.1.1.2:22): host key has changed", "ssh-keygen -R"},
	},
	{
		name: "login refused", inventory: "ssh: {user: nobody-here}",
		says: []string{"kubernetes-node-2 (10.1.1.2:22): login was refused"},
	},
	{
		name:    "sudo wants a password",
		inflict: "mkdir /root/away && mv /etc/sudoers.d/* /root/away/ && echo 'pi ALL=(ALL) ALL' >/etc/sudoers.d/pi",
		mend:    "rm /etc/sudoers.d/pi && mv /root/away/* /etc/sudoers.d/ && rmdir /root/away",
		says:    []string{"kubernetes-node-2", "sudo refused", "--ask-sudo-pass"},
	},
	{
		name:    "port taken",
		inflict: `systemctl stop kube-apiserver-standin && systemd-run --quiet --unit=squatter perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalPort => 6443, Listen => 5) or die; sleep 600' && sleep 1`,
		mend:    "systemctl stop squatter && systemctl start kube-apiserver-standin && sleep 3",
		says:    []string{"kubernetes-node-2: port 6443 of 0.0.0.0 is taken by perl, neither the apiserver nor haproxy"},
	},
	{
		name:    "disk full",
		inflict: "mkdir -p /var/lib/kplb && mount -t tmpfs -o size=8k,nr_inodes=6 tmpfs /var/lib/kplb",
		mend:    "umount /var/lib/kplb && rmdir /var/lib/kplb",
		says:    []string{"kubernetes-node-2: no room"},
	},
	{
		name:    "symbolic link in the way",
		inflict: "mkdir -p /etc/keepalived && ln -s /etc/hostname /etc/keepalived/keepalived.conf",
		mend:    "rm /etc/keepalived/keepalived.conf",
		says:    []string{"kubernetes-node-2: /etc/keepalived/keepalived.conf is a symbolic link, not a regular file"},
	},
	{
		name:    "backup in the manifests directory",
		inflict: "cp /etc/kubernetes/manifests/kube-apiserver.yaml /etc/kubernetes/manifests/kube-apiserver.yaml.bak",
		mend:    "rm /etc/kubernetes/manifests/kube-apiserver.yaml.bak",
		says:    []string{"kubernetes-node-2: /etc/kubernetes/manifests/kube-apiserver.yaml.bak is a second apiserver manifest"},
	},
	{
		name:    "manifest of another form",
		inflict: "cp -p /etc/kubernetes/manifests/kube-apiserver.yaml /root/ && echo 'kind: Pod' >/etc/kubernetes/manifests/kube-apiserver.yaml",
		mend:    "mv /root/kube-apiserver.yaml /etc/kubernetes/manifests/ && sleep 4",
		says:    []string{"kubernetes-node-2: /etc/kubernetes/manifests/kube-apiserver.yaml has no spec.containers"},
	},
	{
		name: "VIP outside the subnet", inventory: "vip: 10.9.0.1",
		says: []string{"kubernetes-node-2: the VIP 10.9.0.1 is outside 10.1.0.0/16, the subnet of eth0", "inventory.yaml:"},
	},
	{
		name:  "haproxy refuses its file",
		extra: map[string]string{"haproxy.cfg.tmpl": "    no-such-keyword\n"},
		args:  []string{"--templates", "DIR"},
		says:  []string{"kubernetes-node-1: haproxy rejects its new configuration:", "unknown keyword 'no-such-keyword'"},
	},
	{
		name:  "keepalived refuses its file",
		extra: map[string]string{"keepalived.conf.tmpl": "no_such_keyword\n"},
		args:  []string{"--templates", "DIR"},
		says:  []string{"kubernetes-node-1: keepalived rejects its new configuration:", "Unknown keyword 'no_such_keyword'"},
	},
}

func (c refusal) check(t *testing.T, m *machines) {
	before := m.fingerprints()
	dir := t.TempDir()
	for name, content := range c.files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, line := range c.extra {
		builtin := m.kplb("templates", name).want(t, 0).stdout
		if err := os.WriteFile(filepath.Join(dir, name), []byte(builtin+line), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	inflict(m, c.inflict)
	args := slices.Concat([]string{"apply", "--yes", "--inventory", rewrite(t, dir, c.inventory)}, c.args)
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "DIR", dir)
	}
	r := m.kplb(args...)
	inflict(m, c.mend)
	r.want(t, 3, c.says...)
	if c.mend == "" || c.inflict == "cut" {
		m.same(before)
		return
	}
	for _, n := range []string{"1", "3"} { // node 2 was changed and mended by the test itself
		if now := m.fingerprint(n); now != before[n] {
			t.Errorf("node %s is not as it was\nbefore:\n%s\nnow:\n%s", n, before[n], now)
		}
	}
	if made := m.on("2", "ls -A /etc/haproxy /etc/keepalived; systemctl is-active haproxy keepalived || true"); strings.Contains(made, "kplb") {
		t.Errorf("node 2 was changed: %s", made)
	}
}

func inflict(m *machines, what string) {
	switch what {
	case "":
	case "cut", "mend":
		m.lab(what, "2")
	default:
		m.on("2", what)
	}
}

// rewrite makes an inventory out of examples/lab.yaml with one line changed.
func rewrite(t *testing.T, dir, line string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root(t), labInventory))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	key, _, _ := strings.Cut(line, ":")
	replaced := line == ""
	for i := range lines {
		if line != "" && strings.HasPrefix(lines[i], key+":") {
			lines[i], replaced = line, true
		}
	}
	if !replaced {
		lines = append(lines, line)
	}
	file := filepath.Join(dir, "inventory.yaml")
	text := strings.Join(lines, "\n")
	if line != "" {
		text = strings.ReplaceAll(text, "/16", "") // the nodes' subnet is then known to the nodes only
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// trust records the keys of unknown nodes; then they are known.
func (m *machines) trust() {
	m.t.Helper()
	known := filepath.Join(m.t.TempDir(), "known_hosts")
	m.kplb("trust", "--inventory", labInventory, "--known-hosts", known).want(m.t, 2, "nobody can be asked: give --yes")
	m.kplb("trust", "--inventory", labInventory, "--known-hosts", known, "--yes").want(m.t, 0, "3 keys recorded in "+known)
	m.kplb("diff", "--inventory", labInventory, "--known-hosts", known).want(m.t, 1, "kubernetes-node-3")
}

// secret rolls a password out, and looks for it everywhere else.
func (m *machines) secret() {
	m.t.Helper()
	const canary = "Zq7xCv1p"
	m.env = []string{"KPLB_E2E_AUTH=" + canary}
	inventory := rewrite(m.t, m.t.TempDir(), "vrrp: {version: 2, auth: {fromEnv: KPLB_E2E_AUTH}}")
	r := m.kplb("apply", "--inventory", inventory, "--yes").want(m.t, 0, "ok  /healthz on 10.1.233.1:6443")
	d := m.kplb("diff", "--inventory", inventory).want(m.t, 0)
	rendered := m.kplb("render", "--inventory", inventory).want(m.t, 0, "auth_pass {kplb-secret:vrrp-auth}")
	for _, said := range []result{r, d, rendered} {
		if strings.Contains(said.stdout+said.stderr, canary) {
			m.t.Error("kplb printed the secret")
		}
	}
	for _, n := range nodes {
		where := m.on(n, `grep -rlF `+canary+` /etc /var /run /tmp /root /home 2>/dev/null | xargs stat -c '%a %U %n'
			journalctl -q | grep -F `+canary+` | grep -v "grep -rlF" || true`)
		const want = "600 root /etc/keepalived/keepalived.conf\n600 root /var/lib/kplb/generations/1/files/etc/keepalived/keepalived.conf\n"
		if where != want {
			m.t.Errorf("node %s: the secret is in\n%swant\n%s", n, where, want)
		}
	}
	m.env = nil
	m.kplb("apply", "--inventory", labInventory, "--yes").want(m.t, 0)
}

// handEdit is found, and overwritten only when that is asked for.
func (m *machines) handEdit() {
	m.t.Helper()
	m.on("3", "sed -i 's/maxconn 4096/maxconn 5000/' /etc/haproxy/haproxy.cfg")
	before := m.fingerprints()
	m.kplb("apply", "--inventory", labInventory, "--yes").want(m.t, 3,
		"kubernetes-node-3: /etc/haproxy/haproxy.cfg was edited by hand since kplb wrote it", "--overwrite-drift")
	m.same(before)
	m.kplb("apply", "--inventory", labInventory, "--yes", "--overwrite-drift").want(m.t, 0, "haproxy: reloads")
	m.kplb("diff", "--inventory", labInventory).want(m.t, 0)
}

// cutShort leaves files in place that no daemon has loaded; the next apply
// notices.
func (m *machines) cutShort() {
	m.t.Helper()
	m.on("3", "rm /var/lib/kplb/active")
	m.kplb("apply", "--inventory", labInventory, "--yes").want(m.t, 0, "haproxy: restarts", "keepalived: reloads")
	m.kplb("diff", "--inventory", labInventory).want(m.t, 0)
}
