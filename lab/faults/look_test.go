//go:build faults

package faults

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// tree is every file under the directories that kplb may write to: path to
// kind, mode, owner and checksum. Byte for byte means equal checksums.
type tree map[string]string

// look is what a node looks like, seen with tools that are not kplb's.
type look struct {
	files    tree
	left     []string // of a rollout, that should be gone
	busy     []string // that says that something is still going on
	monitors []string // ports on which haproxy has a monitor page
	facts    map[string]string
}

// what follows "==" names the part. The lock is tried, not believed.
const lookProgram = `
echo == files
find /etc/haproxy /etc/keepalived /etc/sysctl.d /etc/systemd/system /etc/kubernetes /var/lib/kplb/active ! -type d -printf '%p %y %m %U:%G %l\n' 2>/dev/null
echo == sums
find /etc/haproxy /etc/keepalived /etc/sysctl.d /etc/systemd/system /etc/kubernetes /var/lib/kplb/active -type f -exec sha256sum {} + 2>/dev/null
echo == left
ls -d /var/lib/kplb/* /var/lib/kplb/.[!.]* 2>/dev/null | grep -vE '/(active|current|restarted|restored|generations)$'
[ -e /var/lib/kplb/current ] || ls -d /var/lib/kplb/restarted 2>/dev/null # it belongs to what was confirmed
ls -d /var/lib/kplb/generations/* /var/lib/kplb/generations/.[!.]* 2>/dev/null | grep -vE '/[0-9]+$'
ls -d /run/kplb.owner /run/kplb.token /run/systemd/system/kplb-* /etc/systemd/system/kplb-* /etc/systemd/system/*.wants/kplb-* 2>/dev/null
find /etc /var/lib/kplb -name '.kplb-*' 2>/dev/null
systemctl list-units --all --plain --no-legend 'kplb-*' | while read -r unit _; do echo "unit $unit"; done
echo == busy
[ ! -d /var/lib/kplb/pending ] || echo pending
for lock in /run/kplb.holder /run/kplb.lock; do [ ! -e $lock ] || flock -n $lock true || echo "locked $lock"; done
pgrep -f '^timeout -k 10 [0-9]+ /bin/sh -s$' | sed 's/^/step /'
pgrep -f '^/bin/sh /var/lib/kplb/restore' | sed 's/^/restore /'
# a reload that was asked for has its moment, too
for unit in haproxy keepalived; do case $(systemctl is-active $unit) in reloading) echo "$unit reloads" ;; esac; done
systemctl list-timers --all --no-legend | grep -o 'kplb-[^ ]*' | sort -u
echo == monitors
ss -Hltn '( sport = :8404 or sport = :8405 or sport = :8406 )' | while read -r _ _ _ at _; do echo "${at##*:}"; done | sort -u
echo == facts
for unit in haproxy keepalived; do echo "$unit $(systemctl is-active $unit)"; done
echo "nonlocal_bind $(cat /proc/sys/net/ipv4/ip_nonlocal_bind)"
echo "generation $(current=$(cat /var/lib/kplb/current) && echo "$current" && sha256sum </var/lib/kplb/generations/$current/record | cut -c 1-16)" | tr '\n' ' ' && echo
echo "restored $(sed -n 's/^reason=//p' /var/lib/kplb/restored 2>/dev/null)"
`

func (b *bench) look(node string) (*look, error) {
	text, err := b.On(node, lookProgram)
	if err != nil {
		return nil, err
	}
	l := &look{files: tree{}, facts: map[string]string{}}
	part := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if name, ok := strings.CutPrefix(line, "== "); ok {
			part = name
			continue
		}
		first, rest, _ := strings.Cut(line, " ")
		switch part {
		case "files":
			l.files[first] = rest
		case "sums":
			l.files[strings.TrimSpace(rest)] += first
		case "left":
			l.left = append(l.left, line)
		case "busy":
			l.busy = append(l.busy, line)
		case "monitors":
			l.monitors = append(l.monitors, line)
		case "facts":
			l.facts[first] = rest
		}
	}
	return l, nil
}

// working says whether a file is the way back, which belongs to no generation.
func working(path string) bool {
	return strings.Contains(path, "kplb-restore")
}

// against says what of a tree is not as it was captured.
func (t tree) against(want tree) []string {
	var out []string
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if t[path] != want[path] && !working(path) {
			out = append(out, fmt.Sprintf("%s is %q, not %q", path, t[path], want[path]))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(t)) {
		if _, ok := want[path]; !ok && !working(path) {
			out = append(out, path+" should not be there")
		}
	}
	return out
}
