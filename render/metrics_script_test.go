package render

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// metricsNode is a directory in which kplb-metrics finds what it looks for on a
// node: programs that say what the test wants, and files.
type metricsNode struct {
	t      *testing.T
	dir    string
	script string
}

func newMetricsNode(t *testing.T) *metricsNode {
	t.Helper()
	n := &metricsNode{t: t, dir: t.TempDir()}
	content := renderTree(t, loadCluster(t, metricsCase))["kubernetes-node-1"+MetricsPath].Content
	for from, to := range map[string]string{
		"PATH=": "PATH=" + n.path("bin") + ":", "base=/var/lib/kplb": "base=" + n.path("kplb"), "/run/kplb": n.path("run"),
		"dir=/var/lib/prometheus/node-exporter": "dir=" + n.path("textfile"), "/etc/kubernetes/pki/apiserver.crt": n.path("apiserver.crt"),
	} {
		content = replaceAll(t, content, from, to)
	}
	n.write("textfile/other.prom", "", 0o644)
	n.write("bin/ip", "#!/bin/sh\ncat "+n.path("addresses")+"\n", 0o755)
	n.write("bin/systemctl", "#!/bin/sh\ncat "+n.path("keepalived")+"\n", 0o755)
	n.write("run/haproxy", "0\n", 0o644)
	n.script = n.write("kplb-metrics", string(content), 0o755)
	n.is("active", "")
	return n
}

func (n *metricsNode) path(name string) string { return filepath.Join(n.dir, name) }

func (n *metricsNode) write(name, content string, mode os.FileMode) string {
	n.t.Helper()
	if err := os.MkdirAll(filepath.Dir(n.path(name)), 0o755); err != nil {
		n.t.Fatal(err)
	}
	if err := os.WriteFile(n.path(name), []byte(content), mode); err != nil {
		n.t.Fatal(err)
	}
	return n.path(name)
}

// is says what systemd says of keepalived, and ip of the VIP.
func (n *metricsNode) is(keepalived, addresses string) {
	n.t.Helper()
	n.write("keepalived", keepalived+"\n", 0o644)
	n.write("addresses", addresses, 0o644)
}

var constant = strings.NewReplacer(`kplb_cluster="home",vrrp_instance="KPLB",`, "", `{kplb_cluster="home",vrrp_instance="KPLB"}`, "",
	`{kplb_cluster="home"}`, "", `kplb_cluster="home",`, "", "kplb_", "")

// call runs kplb-metrics, and returns what stands in kplb.prom then, without
// comments and what is the same in every line.
func (n *metricsNode) call(args ...string) string {
	n.t.Helper()
	if out, err := run(n.t, append([]string{n.script}, args...)...); err != nil || out != "" {
		n.t.Errorf("kplb-metrics %q: %v\n%s", args, err, out)
	}
	var out []string
	for line := range strings.Lines(string(readFile(n.t, n.path("textfile/kplb.prom")))) {
		if !strings.HasPrefix(line, "#") {
			line = constant.Replace(line)
			out = append(out, strings.TrimSpace(line))
		}
	}
	return strings.Join(out, "\n")
}

var whenForm = regexp.MustCompile(`(last_transition_timestamp_seconds) [1-9]\d{9}\n`)

// wants compares with the states, each with how often it was entered, in the
// order master, backup, fault and stop.
func (n *metricsNode) wants(got, state string, times [4]int, more string) {
	n.t.Helper()
	states := []string{"master", "backup", "fault", "stop"}
	want := make([]string, 0, 2*len(states))
	for _, s := range states {
		is := 0
		if s == state {
			is = 1
		}
		want = append(want, fmt.Sprintf("vrrp_state{state=%q} %d", s, is))
	}
	for i, s := range states {
		want = append(want, fmt.Sprintf("vrrp_transitions_total{state=%q} %d", s, times[i]))
	}
	if d := cmp.Diff(strings.Join(want, "\n")+"\n"+more, whenForm.ReplaceAllString(got, "$1 NOW\n")); d != "" {
		n.t.Errorf("after keepalived is %s (-want +got):\n%s", state, d)
	}
}

func TestMetricsOfInstances(t *testing.T) {
	t.Parallel()
	const rest = "generation_info{generation=\"0\"} 1\npending_change 0\nchange_taken_back 0"
	const before, now = "last_transition_timestamp_seconds 0\n", "last_transition_timestamp_seconds NOW\n"
	mine, others := "vip_holder{vip=\"10.1.233.1\"} 1\n"+rest, "vip_holder{vip=\"10.1.233.1\"} 0\n"+rest
	const vip = "2: eth0 inet 10.1.233.1/32 scope global eth0\n"
	n := newMetricsNode(t)
	said := func(state string) string { return n.call("INSTANCE", "KPLB", state, "150") }
	vrrp := func(s string) string { return "vrrp_" + s }

	n.wants(n.call(), "backup", [4]int{}, vrrp(before)+others) // it was there before us, and has said nothing
	n.is("active", vip)
	n.wants(said("MASTER"), "master", [4]int{1}, vrrp(now)+mine)
	n.wants(n.call(), "master", [4]int{1}, vrrp(now)+mine)
	n.wants(n.call("INSTANCE", "SOMEONE", "FAULT", "150"), "master", [4]int{1}, vrrp(now)+mine)
	n.wants(n.call("GROUP", "KPLB", "FAULT", "150"), "master", [4]int{1}, vrrp(now)+mine)
	n.is("active", "")
	n.wants(said("FAULT"), "fault", [4]int{1, 0, 1}, vrrp(now)+others)
	n.wants(said("BACKUP"), "backup", [4]int{1, 1, 1}, vrrp(now)+others)
	n.wants(said("DELETED"), "backup", [4]int{1, 1, 1}, vrrp(now)+others)
	n.is("deactivating", "")
	n.wants(said("STOP"), "stop", [4]int{1, 1, 1, 1}, vrrp(now)+others)
	n.is("inactive", "")
	n.wants(n.call(), "stop", [4]int{1, 1, 1, 1}, vrrp(now)+others)
	n.is("activating", "")
	n.wants(said("BACKUP"), "backup", [4]int{1, 2, 1, 1}, vrrp(now)+others)
	n.is("failed", vip) // killed: it says nothing, and its address is left
	n.wants(n.call(), "stop", [4]int{1, 2, 1, 2}, vrrp(now)+mine)
	n.is("active", "")
	n.write("run/haproxy", "-254\n", 0o644)
	n.wants(n.call(), "fault", [4]int{1, 2, 1, 2}, vrrp(now)+others)

	// a call that keepalived has begun before another one, and that is later
	n.write("run/metrics/KPLB", "master 1700000000 99999999999 1 7 0 0 0\n", 0o644)
	n.is("active", vip)
	n.wants(said("BACKUP"), "master", [4]int{7, 1}, vrrp(now)+mine)
}

func TestMetricsOfNode(t *testing.T) {
	t.Parallel()
	n := newMetricsNode(t)
	of := func() map[string]string {
		out := map[string]string{}
		for line := range strings.SplitSeq(n.call(), "\n") {
			name, value, _ := strings.Cut(line, " ")
			out[name] = value
		}
		return out
	}
	var sums strings.Builder
	for _, name := range []string{"haproxy.cfg", "keepalived.conf", "90-kplb.conf"} {
		path := n.write("etc/"+name, name, 0o644)
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256([]byte(name)), path)
	}
	n.write("kplb/active", sums.String(), 0o600)
	n.write("kplb/current", "7\n", 0o600)
	if got := of(); got["drift_files"] != "0" || got[`generation_info{generation="7"}`] != "1" || got["pending_change"] != "0" || got["change_taken_back"] != "0" {
		t.Errorf("as it was written: %v", got)
	}
	n.write("etc/haproxy.cfg", "edited", 0o644)
	n.write("kplb/pending/txn", "x", 0o600)
	if got := of(); got["drift_files"] != "1" || got["pending_change"] != "1" {
		t.Errorf("edited, and a change waits: %v", got)
	}
	n.write("kplb/restored", "reason=timer\n", 0o600)
	for _, path := range []string{"etc/90-kplb.conf", "kplb/pending/txn", "kplb/pending"} {
		if err := os.Remove(n.path(path)); err != nil {
			t.Fatal(err)
		}
	}
	if got := of(); got["drift_files"] != "2" || got["pending_change"] != "0" || got["change_taken_back"] != "1" || got["apiserver_certificate_expiry_timestamp_seconds"] != "" {
		t.Errorf("another one is gone, and the change was taken back: %v", got)
	}
	openssl := daemon(t, "openssl")
	if out, err := run(t, openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=kube-apiserver", "-days", "1",
		"-keyout", n.path("key"), "-out", n.path("apiserver.crt")); err != nil {
		t.Fatal(err, out)
	}
	if got := of()["apiserver_certificate_expiry_timestamp_seconds"]; !regexp.MustCompile(`^[1-9]\d{9}$`).MatchString(got) {
		t.Errorf("certificate expires at %q", got)
	}

	names := asked(t, "kplb")
	text := readFile(t, n.path("textfile/kplb.prom"))
	for _, name := range names {
		if !bytes.Contains(text, []byte("# TYPE "+name+" ")) {
			t.Errorf("alerts or panels ask for %s, which is not there", name)
		}
	}
	program := promtool(t)
	if out, err := run(t, "sh", "-c", `exec "$1" check metrics <"$2"`, "sh", program, n.path("textfile/kplb.prom")); err != nil || out != "" {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// TestMetricsTextfile: nothing is written where the directory is not there, and
// what somebody has put in the file's place is not followed.
func TestMetricsTextfile(t *testing.T) {
	t.Parallel()
	n := newMetricsNode(t)
	n.write("kplb/current", "1\n", 0o600)
	n.write("victim", "mine", 0o600)
	n.write("elsewhere/kplb.prom", "old", 0o644)
	n.write("kplb/textfile", n.path("elsewhere/kplb.prom")+"\n", 0o600)
	if err := os.Symlink(n.path("victim"), n.path("textfile/kplb.prom")); err != nil {
		t.Fatal(err)
	}
	n.call()
	if got := string(readFile(t, n.path("victim"))); got != "mine" {
		t.Errorf("a link was followed: %q", got)
	}
	if info, err := os.Lstat(n.path("textfile/kplb.prom")); err != nil || info.Mode() != 0o644 {
		t.Errorf("kplb.prom is %v: %v", info.Mode(), err)
	}
	if got := string(readFile(t, n.path("kplb/textfile"))); got != n.path("textfile/kplb.prom")+"\n" {
		t.Errorf("whoever removes kplb is told of %q", got)
	}
	if _, err := os.Stat(n.path("elsewhere/kplb.prom")); !os.IsNotExist(err) {
		t.Errorf("the file in the directory of before is still there: %v", err)
	}
	left, err := filepath.Glob(n.path("textfile") + "/.kplb*")
	if err != nil || len(left) > 0 {
		t.Errorf("it leaves %q: %v", left, err)
	}
	if err := os.RemoveAll(n.path("textfile")); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, n.script); err != nil || out != "" {
		t.Errorf("without the directory: %v %s", err, out)
	}
	if _, err := os.Stat(n.path("textfile")); !os.IsNotExist(err) {
		t.Errorf("the directory was made: %v", err)
	}
}
