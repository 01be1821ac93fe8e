//go:build linux

package machines

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Process is one of a node's, as the host sees it.
type Process struct {
	PID, Parent int
	Args        []string
}

// Processes lists what runs in a node's network namespace.
func (l Lab) Processes(node string) ([]Process, error) {
	var namespace syscall.Stat_t
	if err := syscall.Stat(filepath.Join("/run/netns", l.Machine(node)), &namespace); err != nil {
		return nil, fmt.Errorf("node %s is off: %w", node, err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var out []Process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		var own syscall.Stat_t
		if syscall.Stat(filepath.Join("/proc", e.Name(), "ns/net"), &own) != nil || own.Ino != namespace.Ino {
			continue
		}
		if p, ok := process(pid); ok {
			out = append(out, p)
		}
	}
	return out, nil
}

// process reads what is known of one; it may be gone by now.
func process(pid int) (Process, bool) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		return Process{}, false
	}
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return Process{}, false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 2 {
		return Process{}, false
	}
	parent, _ := strconv.Atoi(fields[1])
	return Process{pid, parent, strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")}, true
}

// Init is the pid of the node's systemd: 1 in the node's namespace of processes.
// The first processes of containers are that one namespace deeper, and may have
// smaller pids here, once those have begun anew.
func (l Lab) Init(node string) (string, error) {
	all, err := l.Processes(node)
	if err != nil {
		return "", err
	}
	for _, p := range all {
		status, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID), "status"))
		for line := range strings.Lines(string(status)) {
			fields := strings.Fields(line)
			if len(fields) == 3 && fields[0] == "NSpid:" && fields[2] == "1" {
				return strconv.Itoa(p.PID), nil
			}
		}
	}
	return "", fmt.Errorf("node %s has no init", node)
}

// Family is a process and all that came of it.
func Family(all []Process, pid int) []int {
	out := []int{pid}
	for i := 0; i < len(out); i++ {
		for _, p := range all {
			if p.Parent == out[i] && !slices.Contains(out, p.PID) {
				out = append(out, p.PID)
			}
		}
	}
	return out
}
