package node

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/remote"
)

// drillbox is a node on which drill.sh runs for real, with daemons that only
// write down what they are told.
type drillbox struct{ *sandbox }

func newDrillbox(t *testing.T) drillbox {
	t.Helper()
	s := newSandbox(t)
	for _, name := range []string{"systemctl", "systemd-run", "nft"} {
		s.write("bin/"+name, "#!/bin/sh\necho \"${0##*/} $*\" >>$R/log\n[ ! -e $R/fails-${0##*/} ]\n", 0o755)
	}
	s.write("bin/ip", `#!/bin/sh
case "$*" in
"-4 route show"*) printf '10.1.0.0/16 proto kernel scope link src 10.1.1.1\ndefault via 10.1.0.254 proto static linkdown\n' ;;
"-6 route show"*) printf 'fd10:1::/64 proto kernel metric 256\ndefault via fe80::1 proto ra expires 1799sec\nfd20::/64 via fd10:1::fe metric 1024\n' ;;
"-o -6 address"*) printf '2: eth0    inet6 fd10:1::1/64 scope global\n2: eth0    inet6 fd10:1::100/128 scope global\n' ;;
*) echo "ip $*" >>$R/log ;;
esac
`, 0o755)
	s.write("files/mend", string(mendProgram(layout)), 0o600)
	s.write("files/watch", file("drill_watch.sh"), 0o600)
	return drillbox{s}
}

// do runs a part of drill.sh, and gives what it records.
func (s drillbox) do(do, fault string) string {
	s.t.Helper()
	here := func(text string) string {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "/run/kplb-drill", s.path("drill")), "/run/kplb.", s.path("kplb."))
		return strings.ReplaceAll(text, "PATH=/usr", "PATH="+s.path("bin")+":/usr")
	}
	s.write("files/mend", here(string(mendProgram(layout))), 0o600)
	cmd := exec.CommandContext(s.t.Context(), "sh", "-u", "-s")
	cmd.Stdin = strings.NewReader("record() { echo \"$*\"; }\nkplb_file() { cat $R/files/$1; }\nkplb_main() {\n:\n" + here(text("drill")) + "\n}\nkplb_main\n")
	cmd.Env = append(os.Environ(), "R="+s.root, "PATH="+s.path("bin")+":"+os.Getenv("PATH"), "LC_ALL=C", "KPLB_DO="+do, "KPLB_TOKEN=token1", "KPLB_FAULT="+fault,
		"KPLB_VIP=10.1.233.1", "KPLB_SECONDS=25", "KPLB_LASTS=10", "KPLB_INTERFACE=eth0", "KPLB_VIPS=10.1.233.1 fd10:1::100", "KPLB_AT=10.1.1.1:6443")
	for name, value := range layoutScript("drill", layout, map[string]string{}).Vars {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, _ := cmd.CombinedOutput() // what it says counts
	return string(out)
}

// told is what the daemons were told since the last time.
func (s drillbox) told() string {
	s.t.Helper()
	data, _ := os.ReadFile(s.path("log")) // nothing was told
	if err := os.RemoveAll(s.path("log")); err != nil {
		s.t.Fatal(err)
	}
	return strings.ReplaceAll(string(data), s.root, "")
}

const (
	armed  = "systemd-run --quiet --collect --unit=kplb-drill-mend --on-active=25 --timer-property=AccuracySec=100ms /bin/sh /drill/mend its own timer\n"
	later  = "systemd-run --quiet --collect --unit=kplb-drill-break /bin/sh /drill/cut eth0 10\n"
	ended  = "systemctl stop kplb-drill-mend.timer\n"
	starts = "systemctl reset-failed %[1]s\nsystemctl start %[1]s\n"
)

// TestDrillScript: what a node does, and what it does to put itself back.
func TestDrillScript(t *testing.T) {
	t.Parallel()
	start := func(unit string) string { return fmt.Sprintf(starts, unit) }
	for _, c := range []struct{ fault, does, mends string }{
		{"haproxy-stopped", armed + "systemctl stop haproxy\n", start("haproxy") + ended},
		{"haproxy-killed", armed + "systemctl kill --signal=KILL haproxy\n", start("haproxy") + ended},
		{"haproxy-frozen", armed + "systemctl kill --signal=STOP haproxy\n", "systemctl kill --signal=CONT haproxy\n" + ended},
		{"keepalived-stopped", armed + "systemctl stop keepalived\n", start("keepalived") + ended},
		{"keepalived-killed", armed + "systemctl kill --signal=KILL keepalived\n", start("keepalived") + ended},
		{"keepalived-frozen", armed + "systemctl kill --signal=STOP keepalived\n", "systemctl kill --signal=CONT keepalived\n" + ended},
		{
			"apiserver-cut",
			armed + "nft add table inet kplb_drill; add chain inet kplb_drill in { type filter hook input priority -300; }; add rule inet kplb_drill in ip daddr 10.1.1.1 tcp dport 6443 drop\n",
			"nft delete table inet kplb_drill\n" + ended,
		},
		{"node-off", later, ended},
		{
			"link-down", armed + later,
			"ip link set dev eth0 up\nip -6 address add fd10:1::1/64 dev eth0 nodad\nip -4 route replace default via 10.1.0.254 proto static dev eth0\n" +
				"ip -6 route replace fd20::/64 via fd10:1::fe metric 1024 dev eth0\n" + ended,
		},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			s := newDrillbox(t)
			same(t, "watch", s.do("watch", ""), "done\n")
			same(t, "told to watch", s.told(), "systemctl stop kplb-drill-watch\nsystemd-run --quiet --collect --unit=kplb-drill-watch --property=RuntimeMaxSec=25 /bin/sh /drill/watch 10.1.233.1\n")
			same(t, "break", s.do("break", c.fault), "done\n")
			same(t, "told to break", s.told(), c.does)
			same(t, "a second time", s.do("break", c.fault), "refused an earlier drill is not put back yet\n")
			same(t, "mend", s.do("mend", ""), "done\n")
			same(t, "told to mend", s.told(), c.mends)
			same(t, "mend again", s.do("mend", "")+s.told(), "done\n")
			seen := s.do("seen", "")
			if !strings.Contains(seen, "by the operator\n") || !strings.Contains(seen, "\nmended ") || strings.Contains(c.does, "cut") == strings.Contains(seen, "\nstruck ") {
				t.Errorf("seen: %s", seen)
			}
			same(t, "end", s.do("end", ""), "done\n")
			if left, _ := os.ReadDir(s.path("drill")); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// TestDrillScriptCuts: what runs by itself when nobody reaches the node.
func TestDrillScriptCuts(t *testing.T) {
	t.Parallel()
	s := newDrillbox(t)
	s.do("watch", "")
	s.do("break", "link-down")
	s.told()
	cut, err := os.ReadFile(s.path("drill/cut"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "program", strings.ReplaceAll(string(cut), s.root, ""),
		"sleep 0.3\ndate +%s.%N >/drill/struck\nip link set dev \"$1\" down && sleep \"$2\"; exec /bin/sh /drill/mend 'the node itself'\n")
	s.do("mend", "")
	s.do("break", "node-off")
	cut, err = os.ReadFile(s.path("drill/cut"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "program", strings.ReplaceAll(string(cut), s.root, ""), "sleep 0.3\ndate +%s.%N >/drill/struck\nsync; exec systemctl poweroff --force --force\n")
}

// TestDrillScriptFails: nothing is broken that cannot be put back by itself,
// and what cannot be put back yet stays to be put back.
func TestDrillScriptFails(t *testing.T) {
	t.Parallel()
	s := newDrillbox(t)
	s.do("watch", "")
	s.told()
	s.write("fails-systemd-run", "", 0o600)
	same(t, "no timer", s.do("break", "haproxy-stopped"), "refused systemd cannot be told to put it back\n")
	same(t, "told", s.told(), armed)
	if err := os.Remove(s.path("fails-systemd-run")); err != nil {
		t.Fatal(err)
	}
	s.write("fails-systemctl", "", 0o600)
	if said := s.do("break", "haproxy-stopped"); !strings.Contains(said, "refused haproxy-stopped cannot be done\n") {
		t.Errorf("systemctl does not want to: %s", said)
	}
	same(t, "told", s.told(), armed+"systemctl stop haproxy\n"+fmt.Sprintf(starts, "haproxy"))
	if said := s.do("mend", ""); !strings.Contains(said, "cannot be put back yet") {
		t.Errorf("mend: %s", said)
	}
	if said := s.do("end", ""); !strings.Contains(said, "cannot be put back yet") {
		t.Errorf("end: %s", said)
	}
	if err := os.Remove(s.path("fails-systemctl")); err != nil {
		t.Fatal(err)
	}
	s.told()
	same(t, "the next drill puts it back first", s.do("watch", ""), "done\n")
	if told := s.told(); !strings.HasPrefix(told, fmt.Sprintf(starts, "haproxy")+ended) {
		t.Errorf("told: %s", told)
	}
}

// TestDrillFreezes a process that is called kube-apiserver, and thaws it.
func TestDrillFreezes(t *testing.T) {
	t.Parallel()
	s := newDrillbox(t)
	same(t, "nobody listens", func() string {
		s.write("bin/ss", "#!/bin/sh\n", 0o755)
		s.do("watch", "")
		return s.do("break", "apiserver-frozen")
	}(),
		"refused no kube-apiserver listens on port 6443\n")
	sleep, err := os.ReadFile("/bin/sleep")
	if err != nil {
		t.Skip(err)
	}
	s.write("kube-apiserver", string(sleep), 0o755)
	server := exec.CommandContext(t.Context(), s.path("kube-apiserver"), "100")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Process.Kill(); _ = server.Wait() }()
	s.write("bin/ss", fmt.Sprintf("#!/bin/sh\necho 'LISTEN 0 4096 10.1.1.1:6443 0.0.0.0:* users:((\"kube-apiserver\",pid=%d,fd=3))'\necho 'LISTEN 0 4096 10.1.233.1:6443 0.0.0.0:* users:((\"haproxy\",pid=%d,fd=5))'\n", server.Process.Pid, os.Getpid()), 0o755)
	is := func(want string) {
		t.Helper()
		var state string
		for range 100 {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", server.Process.Pid))
			if err != nil {
				t.Skip(err)
			}
			_, rest, _ := strings.Cut(string(stat), ") ")
			if state = rest[:1]; state == want {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Errorf("the process is %s, not %s", state, want)
	}
	same(t, "break", s.do("break", "apiserver-frozen"), "done\n")
	is("T")
	same(t, "mend", s.do("mend", ""), "done\n")
	is("S")
}

// TestWatchScript writes down every change, once.
func TestWatchScript(t *testing.T) {
	t.Parallel()
	s := newDrillbox(t)
	s.write("drill/holder", "", 0o600)
	s.write("bin/ip", `#!/bin/sh
case "$*" in
"-o monitor address")
	seen() { until [ "$(wc -l <$R/drill/holder)" -ge "$1" ]; do sleep 0.05; done; }
	seen 1; echo x >$R/held; echo "event 1"; seen 2; echo "event 2"; rm $R/held; echo "event 3"; seen 3 ;;
"-o address show to 10.1.233.1") cat $R/held 2>/dev/null ;;
esac
`, 0o755)
	cmd := exec.CommandContext(t.Context(), "sh", "-u", "-s", "10.1.233.1")
	cmd.Stdin = strings.NewReader(strings.ReplaceAll(file("drill_watch.sh"), "/run/kplb-drill", s.path("drill")))
	cmd.Env = append(os.Environ(), "R="+s.root, "PATH="+s.path("bin")+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data, err := os.ReadFile(s.path("drill/holder"))
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for line := range strings.Lines(string(data)) {
		if m := holderForm.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			words = append(words, m[2])
		} else {
			t.Errorf("line %q", line)
		}
	}
	same(t, "changes", words, []string{"lost", "held", "lost"})
}

// TestDrillLog leaves out what does not have its form.
func TestDrillLog(t *testing.T) {
	t.Parallel()
	const second = time.Second
	for _, c := range []struct {
		name    string
		records []remote.Record
		want    DrillLog
		clock   bool
	}{
		{
			"a log", []remote.Record{
				record("clock", "1000.000000000"), record("struck", "999.000000000\n"), record("mended", "999.500000000"), record("by", "its own timer\n"),
				record("holder", "990.000000000 lost\n995.250000000 held\n"),
			},
			DrillLog{
				Clock: 1000 * second, Struck: 999 * second, Mended: 999500 * time.Millisecond, By: "its own timer",
				Changes: []HolderChange{{990 * second, false}, {995250 * time.Millisecond, true}},
			}, true,
		},
		{
			"no clock", []remote.Record{record("holder", "990.000000000 held\n"), record("struck", "990.000000000")},
			DrillLog{Struck: 990 * second, Changes: []HolderChange{{990 * second, true}}}, false,
		},
		{"a clock that is none", []remote.Record{record("clock", "now")}, DrillLog{}, false},
		{"a year that is none", []remote.Record{record("clock", "99999999999.000000000")}, DrillLog{}, false},
		{"somebody", []remote.Record{record("by", "somebody")}, DrillLog{}, false},
		{
			"lines that are none", []remote.Record{record("clock", "1000.000000000", "x"), record("clock", "1000.000000000"), record("holder", "\x1b[2J held\n990.000000000 held twice\n\n991.000000000 held")},
			DrillLog{Clock: 1000 * second, Changes: []HolderChange{{991 * second, true}}}, true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var log DrillLog
			for _, r := range c.records {
				log.take(r)
			}
			same(t, "there is a clock", !log.At.IsZero(), c.clock)
			log.At = time.Time{}
			same(t, "log", log, c.want)
		})
	}
	var flood DrillLog
	flood.take(record("holder", strings.Repeat("1.000000000 held\n", 5000)))
	same(t, "a flood", len(flood.Changes), mostChanges)
}
