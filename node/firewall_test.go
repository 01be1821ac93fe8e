package node

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// standIn is ufw for firewall.sh: it says what it was called with. Its answers
// are those of ufw 0.36.2, and of 0.36.1 for VRRP where OLD is set.
const standIn = `set -u
refuse() { echo "refused: $1"; exit 1; }
iptables() { [ -z "${STOPPED:-}" ]; }
ufw() {
	echo "ufw $*" >&7
	case "${OLD:-} $*" in "1 "*vrrp*) echo "ERROR: Unsupported protocol 'vrrp'" && return 1 ;; esac
}
`

// ufwScript runs a call of firewall.sh's with a rules file, and gives what it
// ran and said.
func ufwScript(t *testing.T, rules, old, call string, env ...string) string {
	t.Helper()
	dir := t.TempDir()
	ufw := filepath.Join(dir, "etc/ufw/user")
	for in, text := range map[string]string{ufw: rules, filepath.Join(dir, "old/files", ufw): old} {
		if err := os.MkdirAll(filepath.Dir(in), 0o700); err != nil {
			t.Fatal(err)
		}
		var four, six strings.Builder
		for line := range strings.Lines(text) {
			if strings.Contains(line, ":") && !strings.Contains(line, "route:") {
				six.WriteString(line)
			} else {
				four.WriteString(line)
			}
		}
		if err := errors.Join(os.WriteFile(in+".rules", []byte(four.String()), 0o600), os.WriteFile(in+"6.rules", []byte(six.String()), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	body := strings.ReplaceAll(file("firewall.sh"), "/etc/ufw/user", ufw)
	cmd := exec.CommandContext(t.Context(), "sh", "-s", filepath.Join(dir, "old"))
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin = strings.NewReader("{\n" + standIn + body + "\n" + call + "\n} 7>&1\n")
	out, _ := cmd.CombinedOutput() // a refusal is an exit code, and in the text
	return string(out)
}

const sshRule = "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n"

// TestUFWLines never takes over a rule of a person's, nor deletes one, also
// one that was made since the plan was.
func TestUFWLines(t *testing.T) {
	t.Parallel()
	const vip = "6443 10.1.233.1 any 0.0.0.0/0 in"
	const six = "### tuple ### allow tcp 6443 fd10:1::100 any ::/0 in"
	const open, closed = "allow in tcp any 10.1.233.1 6443", "delete in tcp any 10.1.233.1 6443"
	for _, c := range []struct {
		name, rules, line, want string
		env                     []string
	}{
		{"opens", sshRule, open, "ufw allow in proto tcp from any to 10.1.233.1 port 6443 comment kplb\n", nil},
		{"opens for VRRP", sshRule, "allow in vrrp 10.1.1.2 any 0", "ufw allow in proto vrrp from 10.1.1.2 to any comment kplb\n", nil},
		{"lets out", sshRule, "allow out vrrp any 10.1.1.2 0", "ufw allow out proto vrrp from any to 10.1.1.2 comment kplb\n", nil},
		{"is open", "### tuple ### allow tcp " + vip + " comment=6b706c62\n", open, "", nil},
		{"closes", "### tuple ### allow tcp " + vip + " comment=6b706c62\n", closed, "ufw delete allow in proto tcp from any to 10.1.233.1 port 6443\n", nil},
		{"is closed", sshRule, closed, "", nil},
		{"a person's is enough", "### tuple ### allow tcp " + vip + "\n", open, "", nil},
		{"a person's that is logged is enough", "### tuple ### allow_log tcp " + vip + " comment=6d696e65\n", open, "", nil},
		{"a person's stays", "### tuple ### allow tcp " + vip + " comment=6d696e65\n", closed, "", nil},
		{"a person's denial stays when ours goes", "### tuple ### deny tcp " + vip + "\n", closed, "", nil},
		{
			"a person's denial is not replaced", "### tuple ### deny tcp " + vip + " comment=6b706c62\n", open,
			"refused: ufw has another rule for it: deny in tcp from any to 10.1.233.1, which stays\n", nil,
		},
		{"what is forwarded is something else", "### tuple ### route:deny tcp " + vip + "\n", open, "ufw allow in proto tcp from any to 10.1.233.1 port 6443 comment kplb\n", nil},
		{
			"ufw is too old", sshRule, "allow in vrrp 10.1.1.2 any 0",
			"ufw allow in proto vrrp from 10.1.1.2 to any comment kplb\n" +
				"refused: ufw is older than 0.36.2 and does not know VRRP; by hand: ufw allow in from 10.1.1.2 to any\n", []string{"OLD=1"},
		},
		{
			"ufw is stopped", sshRule, open,
			"refused: ufw is enabled in /etc/ufw/ufw.conf, but does not run: ufw reload starts it, ufw disable is for good\n", []string{"STOPPED=1"},
		},
		{"opens for IPv6", sshRule, "allow in tcp any fd10:1::100 6443", "ufw allow in proto tcp from any to fd10:1::100 port 6443 comment kplb\n", nil},
		{"opens for VRRP of IPv6", sshRule, "allow in vrrp fd10:1::2 any 0", "ufw allow in proto vrrp from fd10:1::2 to any comment kplb\n", nil},
		{"is open for IPv6", six + " comment=6b706c62\n", "allow in tcp any fd10:1::100 6443", "", nil},
		{"closes for IPv6", six + " comment=6b706c62\n", "delete in tcp any fd10:1::100 6443", "ufw delete allow in proto tcp from any to fd10:1::100 port 6443\n", nil},
		{"a person's of IPv6 stays", six + "\n", "delete in tcp any fd10:1::100 6443", "", nil},
		{"nothing to do, and stopped", sshRule, "", "", []string{"STOPPED=1"}},
		{"another verb", sshRule, "reset in tcp any any 1", "refused: ufw cannot be told to reset in tcp\n", nil},
		{"another protocol", sshRule, "allow in udp any any 1", "refused: ufw cannot be told to allow in udp\n", nil},
		{"no address", sshRule, "allow in tcp any;id any 1", "refused: ufw cannot be told of any;id, any and 1\n", nil},
		{"a word is missing", sshRule, "allow in tcp any any", "refused: ufw cannot be told of any, any and \n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			same(t, "ran and said", ufwScript(t, c.rules, "", "ufw_lines '"+c.line+"'", c.env...), c.want)
		})
	}
}

// TestUFWBack undoes what a change did to our rules, and nothing else.
func TestUFWBack(t *testing.T) {
	t.Parallel()
	fresh, applied := string(testdata(t, "firewall/ufw-fresh.rules")), string(testdata(t, "firewall/ufw-applied.rules"))
	const closes = `ufw delete allow in proto vrrp from 10.1.1.2 to any
ufw delete allow in proto tcp from 10.1.1.2 to 10.1.1.1 port 6443
ufw delete allow in proto vrrp from 10.1.1.3 to any
ufw delete allow in proto tcp from 10.1.1.3 to 10.1.1.1 port 6443
ufw delete allow in proto tcp from any to 10.1.233.1 port 6443
`
	same(t, "had opened", ufwScript(t, applied, fresh, `ufw_back "$1"`), closes)
	same(t, "had closed", ufwScript(t, fresh, applied, `ufw_back "$1"`),
		strings.ReplaceAll(strings.ReplaceAll(closes, "delete allow", "allow"), "\n", " comment kplb\n"))
	same(t, "had done nothing", ufwScript(t, applied, applied, `ufw_back "$1"`), "")
	same(t, "a person's, made since", ufwScript(t, fresh+"### tuple ### deny tcp 80 0.0.0.0/0 any 0.0.0.0/0 in\n", fresh, `ufw_back "$1"`), "")
	same(t, "stopped", ufwScript(t, applied, fresh, `ufw_back "$1"`, "STOPPED=1"), "")
	const six = "### tuple ### allow tcp 6443 fd10:1::100 any ::/0 in comment=6b706c62\n"
	same(t, "both families", ufwScript(t, applied+six, fresh, `ufw_back "$1"`), closes+"ufw delete allow in proto tcp from any to fd10:1::100 port 6443\n")
	same(t, "one fails, the others go", ufwScript(t, applied, fresh, `ufw_back "$1"`, "OLD=1"), closes)
}
