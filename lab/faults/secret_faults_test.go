//go:build faults

package faults

import (
	"strings"
	"syscall"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

func secretFaults() []fault {
	return []fault{{id: "M", name: "I7: a new password is rolled out, and the operator killed, interrupted or refused", count: 6, fast: 1, inject: canary, own: true}}
}

// canary rolls a password out that nothing else contains, with a fault, and
// then without, and looks for it everywhere.
func canary(t *trial) {
	const word = "Zq7x"
	secret := word + itoa(1000+t.rng.IntN(9000))
	file := t.write("secret.yaml", inventoryHead+"haproxy: {monitorPort: 8406}\nvrrp: {version: 2, auth: {fromEnv: FAULTS_SECRET}}\n")
	run := func(args ...string) *operator {
		o := t.startAs([]string{"FAULTS_SECRET=" + secret}, append(args, "-i", file)...)
		t.all = append(t.all, o)
		return o
	}
	o := run("apply", "--yes", "--confirm-timeout", window.String())
	switch t.k % 3 {
	case 0:
		time.Sleep(t.moment())
		o.signal(syscall.SIGKILL)
	case 1:
		time.Sleep(t.moment())
		o.signal(syscall.SIGINT)
	default:
		o.hears("haproxy and keepalived")
		t.on("1", "rm -rf /var/lib/kplb/pending/txn")
		o.signal(syscall.SIGINT)
	}
	o.wait(patience)
	t.settle()
	t.canaryOnNodes(word, secret, false)
	again := run("apply", "--yes")
	if again.wait(patience); again.code != 0 {
		t.problem("I8: the same apply again ends with %d", again.code)
	}
	run("diff").wait(patience)
	run("history").wait(patience)
	run("render").wait(patience)
	t.canaryOnNodes(word, secret, true)
	for _, o := range t.all {
		if strings.Contains(o.all(), word) {
			t.problem("I7: kplb %v prints the secret", o.args)
		}
	}
	t.must("apply", "-i", t.from.file, "--yes") // back to where the next trial begins
}

// canaryOnNodes allows the password in keepalived's file and in the
// generations that keep it, for root only.
func (t *trial) canaryOnNodes(word, secret string, there bool) {
	for _, n := range machines.Nodes {
		said := t.on(n, `grep -rl '`+shy(word)+`' /etc /var /run /tmp /root /home 2>/dev/null | while read -r file; do echo "$file $(stat -c '%a %U' "$file")"; done
			journalctl -q | grep '`+shy(word)+`' | sed 's/^/journal /'
			cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n' | grep '`+shy(secret)+`' | sed 's/^/process /'`)
		found := false
		for line := range strings.Lines(said) {
			line = strings.TrimSpace(line)
			path, rights, _ := strings.Cut(line, " ")
			ours := path == "/etc/keepalived/keepalived.conf" ||
				strings.HasPrefix(path, "/var/lib/kplb/generations/") && strings.HasSuffix(path, "/etc/keepalived/keepalived.conf")
			if !ours || rights != "600 root" {
				t.problem("I7: node %s: the secret is in %q", n, line)
			}
			found = found || path == "/etc/keepalived/keepalived.conf"
		}
		if there && !found {
			t.problem("I7: node %s: the secret is not in keepalived.conf", n)
		}
	}
}

// shy is a pattern that does not find itself among the processes.
func shy(word string) string { return "[" + word[:1] + "]" + word[1:] }
