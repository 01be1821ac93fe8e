package node

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestVRRPProgramKept has the program send past a firewall of its own, and
// into one.
func TestVRRPProgramKept(t *testing.T) {
	t.Parallel()
	for _, needed := range []string{"unshare", "ip", "perl", "nft"} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Skip(err)
		}
	}
	const alone = "ip link add one address 02:00:00:00:00:01 type veth peer name two && nft list ruleset"
	if out, err := exec.CommandContext(t.Context(), "unshare", "-rn", "sh", "-c", alone).CombinedOutput(); err != nil {
		t.Skipf("no network of its own: %s", out)
	}
	program := filepath.Join(t.TempDir(), "vrrp.pl")
	if err := os.WriteFile(program, []byte(file("vrrp.pl")), 0o600); err != nil {
		t.Fatal(err)
	}
	const text = `set -eu
ip link add one type veth peer name two
ip addr add 10.0.0.1/24 dev one
ip link set one up
ip link set two up
send() { perl "$PROGRAM" send "$(cat /sys/class/net/one/ifindex)" 10.0.0.1 10.0.9.9 11111111111111111111111111111111 10.0.0.2/02:00:00:00:00:02 10.0.0.3/02:00:00:00:00:03; }
send
nft add table inet t
nft 'add chain inet t out { type filter hook output priority 0; }'
nft add rule inet t out ip protocol 112 ip daddr 10.0.0.3 drop
send`
	cmd := exec.CommandContext(t.Context(), "unshare", "-rnm", "sh", "-c", "mount -t sysfs sysfs /sys && "+text)
	cmd.Env = append(os.Environ(), "PROGRAM="+program)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	same(t, "says", string(out), "sent\nkept 10.0.0.3\nsent\n")
}

// TestVRRPProgram has the program listen at one end of a cable, in a network
// of its own, and whoever has the other end send.
func TestVRRPProgram(t *testing.T) {
	t.Parallel()
	for _, needed := range []string{"unshare", "ip", "perl"} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Skip(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "unshare", "-rn", "ip", "link", "add", "one", "type", "veth", "peer", "name", "two").CombinedOutput(); err != nil {
		t.Skipf("no network of its own: %s", out)
	}
	program := filepath.Join(t.TempDir(), "vrrp.pl")
	if err := os.WriteFile(program, []byte(file("vrrp.pl")), 0o600); err != nil {
		t.Fatal(err)
	}
	const text = `set -eu
ip link add one address 02:00:00:00:00:01 type veth peer name two address 02:00:00:00:00:02
ip addr add 10.0.0.1/24 dev one
ip addr add 10.9.9.9/32 dev two
ip addr add 10.9.9.8/32 dev two
ip addr add fd10::9/128 dev two nodad
ip addr add fd10::1/64 dev one nodad
ip addr add fe80::1/64 dev one nodad
ip link set one up
ip link set two up
index() { line=$(ip -o link show dev "$1"); echo "${line%%:*}"; }
perl -e 'use Socket; socket(my $s, 17, SOCK_DGRAM, 0) or die; select(undef, undef, undef, 1);
for my $vrrp ([0x31, 51, 100], [0x31, 51, 90], [0x21, 7, 255], [0x0f, 9, 9], [0x22, 9, 9]) {
	my $p = pack("C2 n3 C2 n a4 a4 C3 C5", 0x45, 0, 28, 0, 0, 255, 112, 0, inet_aton("10.0.0.7"), inet_aton("224.0.0.18"), @$vrrp, 0, 0, 0, 0, 0);
	my $sum = unpack("%32n*", substr($p, 0, 20)); $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
	substr($p, 10, 2) = pack("n", ~$sum & 0xffff);
	send($s, $p, 0, pack("S n i S C C a8", 17, 0x800, $ARGV[0], 1, 0, 6, pack("H12", "01005e000012"))) or die $!;
}' "$(index two)" &
(sleep 1; for nonce in 11111111111111111111111111111111 22222222222222222222222222222222; do
	perl "$PROGRAM" send "$(index two)" 10.0.0.2 10.9.9.9 $nonce 10.0.0.1/02:00:00:00:00:01 >/dev/null
done) &
perl "$PROGRAM" listen 3 one "$(index one)" 02:00:00:00:00:01 10.0.0.1 10.9.9.9,fd10::9,10.9.9.8,fd10::8,10.9.9.7 11111111111111111111111111111111
wait`
	cmd := exec.CommandContext(t.Context(), "unshare", "-rn", "sh", "-c", text)
	cmd.Env = append(os.Environ(), "PROGRAM="+program)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	same(t, "the first line", got[0], "listening arp nd")
	for _, want := range []string{"has 02:00:00:00:00:02 10.9.9.9", "has 02:00:00:00:00:02 10.9.9.8", "has 02:00:00:00:00:02 fd10::9", "vrrp 10.0.0.7 3 51 100", "vrrp 10.0.0.7 2 7 255", "probe 11111111111111111111111111111111 10.0.0.2"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is missing", want)
		}
	}
	same(t, "lines", len(got), 7)
	if t.Failed() {
		t.Logf("%s", out)
	}
}
