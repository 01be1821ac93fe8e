package programtest

import (
	"path"
	"strings"
)

// Unit is what a unit is: its state, whether it starts at boot, and the file that
// its daemon, or its table, was loaded from.
type Unit struct {
	Active  string // active, inactive or failed
	Enabled bool
	Config  string
}

const wants = "/etc/systemd/system/multi-user.target.wants/"

// Units are all units that ever ran, or start at boot, by their full names.
func (t Tree) Units() map[string]Unit {
	out := map[string]Unit{}
	for name := range t {
		if unit, ok := strings.CutPrefix(name, wants); ok {
			out[unit] = Unit{Enabled: true}
		}
	}
	for name, entry := range t {
		if unit, ok := strings.CutPrefix(name, "/node/units/"); ok && path.Base(unit) == "active" {
			unit = path.Dir(unit)
			out[unit] = Unit{strings.TrimSpace(entry.Content), out[unit].Enabled, t["/node/units/"+unit+"/config"].Content}
		}
	}
	for name, unit := range out {
		if unit == (Unit{Active: "inactive"}) { // as if it never ran
			delete(out, name)
		}
	}
	return out
}

// commandOf is the command line of a service.
func commandOf(unit string) string {
	for line := range strings.Lines(unit) {
		if command, ok := strings.CutPrefix(line, "ExecStart="); ok {
			return strings.TrimSpace(command)
		}
	}
	return ""
}

// IsArmed says whether a timer runs.
func (n *Node) IsArmed(timer string) bool {
	return strings.TrimSpace(n.Read("/node/units/"+timer+"/active")) == "active"
}

// Elapse has a timer come to its end, if it runs, and gives what its service
// prints. A service that fails is started again, as often as its unit says.
func (n *Node) Elapse(timer string) string {
	n.t.Helper()
	if !n.IsArmed(timer) {
		return ""
	}
	service := strings.TrimSuffix(timer, ".timer") + ".service"
	unit := n.Read("/run/systemd/system/" + service)
	if unit == "" {
		unit = n.Read("/etc/systemd/system/" + service)
	}
	var all strings.Builder
	for range 3 {
		out, status := n.execute(commandOf(unit))
		all.WriteString(out)
		if status == 0 || !strings.Contains(unit, "Restart=on-failure") {
			break
		}
		n.Strike(0, "") // once is enough
	}
	return all.String()
}

// PowerOff cuts the power: nothing runs, /run is empty, the kernel's settings are
// its own.
func (n *Node) PowerOff() {
	n.t.Helper()
	for _, dir := range []string{"/run", "/node/units", "/node/loaded", "/node/nft"} {
		n.Remove(dir)
		n.check(n.files.Mkdir(rel(dir), 0o755))
	}
	n.resetKernel()
}

// Boot boots a node after PowerOff, which it does itself: the kernel gets the
// settings of /etc/sysctl.d; what is to run before the daemons does, and then the
// units start that are enabled. It gives what the way back prints.
func (n *Node) Boot() string {
	n.t.Helper()
	n.PowerOff()
	n.Must("for file in /etc/sysctl.d/*.conf; do [ ! -e $file ] || /usr/local/sbin/sysctl -q -p $file; done; systemctl daemon-reload")
	var out string
	if n.Exists(wants + "kplb-restore-boot.service") {
		out, _ = n.execute(commandOf(n.Read("/etc/systemd/system/kplb-restore-boot.service"))) // it is Type=oneshot: the others wait for it only
	}
	n.Must("for unit in " + wants + "*.service; do systemctl start ${unit##*/}; done; true")
	return out
}
