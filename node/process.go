package node

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/kplb/kplb/remote"
)

// Process is a running HAProxy or keepalived.
type Process struct {
	PID, Parent int
	Name        string
	Group       string   // its control group; empty: it is in none
	Args        []string // its command line
}

func parseProcess(field func(int) string) Process {
	p := Process{Name: remote.Clean(field(2)), Group: remote.Clean(field(3))}
	p.PID, _ = strconv.Atoi(field(0))
	p.Parent, _ = strconv.Atoi(field(1))
	for arg := range strings.SplitSeq(field(4), "\n") {
		p.Args = append(p.Args, remote.Clean(arg))
	}
	return p
}

// isOf says whether the process is one of the unit's: its main process, a child of that,
// or in its control group.
func (f *Facts) isOf(p Process, unit string) bool {
	main := f.Units[unit].MainPID
	return main != 0 && (p.PID == main || p.Parent == main) || strings.HasSuffix(p.Group, "/"+unit) || strings.Contains(p.Group, "/"+unit+"/")
}

// checks says whether a keepalived only looks at a file, or says its version, and
// ends, as kplb's own steps call it: it holds nothing.
func (p Process) checks() bool {
	return slices.ContainsFunc(p.Args, func(arg string) bool {
		return arg == "-t" || arg == "-v" || arg == "--version" || strings.HasPrefix(arg, "--config-test")
	})
}

// String is the number of the process, and the last part of its control group.
func (p Process) String() string {
	if name := path.Base(p.Group); name != "/" && name != "." {
		return fmt.Sprintf("pid %d, %s", p.PID, name)
	}
	return fmt.Sprintf("pid %d", p.PID)
}

// outsideHAProxy says whose the processes are, if none of them is haproxy.service's. ss
// does not always say which they are.
func (f *Facts) outsideHAProxy(pids []int) string {
	if len(pids) == 0 {
		return ""
	}
	other := Process{PID: pids[0]}
	for _, pid := range pids {
		i := slices.IndexFunc(f.Processes, func(p Process) bool { return p.PID == pid })
		switch {
		case i >= 0 && f.isOf(f.Processes[i], "haproxy.service"), pid == f.Units["haproxy.service"].MainPID:
			return ""
		case i >= 0:
			other = f.Processes[i]
		}
	}
	return other.String()
}

// OtherKeepaliveds are the keepaliveds that are not keepalived.service's, without their
// children.
func (f *Facts) OtherKeepaliveds() []Process {
	isKeepalived := func(p Process) bool { return strings.HasPrefix(p.Name, "keepalived") && !p.checks() }
	return slices.DeleteFunc(slices.Clone(f.Processes), func(p Process) bool {
		return !isKeepalived(p) || f.isOf(p, "keepalived.service") ||
			slices.ContainsFunc(f.Processes, func(parent Process) bool { return parent.PID == p.Parent && isKeepalived(parent) })
	})
}

// Configuration is the file that a process reads, as the process sees it.
func (f *Facts) Configuration(p Process, name string) (File, bool) {
	if file, ok := f.Files[fmt.Sprintf("/proc/%d/root%s", p.PID, name)]; ok {
		return file, true
	}
	file, ok := f.Files[name]
	return file, ok && strings.HasSuffix(p.Group, ".service")
}
