//go:build linux && amd64

package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// call is how a system call tells what it changes.
type call struct {
	name string
	path int // the argument that is a path; -1: none
	fd   int // the argument that is an open file
}

const copyFileRange, renameat2, fchmodat2 = 326, 316, 452 // which package syscall does not name

var calls = map[uint64]call{
	syscall.SYS_WRITE: {"write", -1, 0}, syscall.SYS_PWRITE64: {"pwrite", -1, 0}, copyFileRange: {"copy_file_range", -1, 2},
	syscall.SYS_FSYNC: {"fsync", -1, 0}, syscall.SYS_FDATASYNC: {"fdatasync", -1, 0}, syscall.SYS_FTRUNCATE: {"ftruncate", -1, 0},
	syscall.SYS_FCHMOD: {"fchmod", -1, 0}, syscall.SYS_FCHOWN: {"fchown", -1, 0},
	syscall.SYS_RENAME: {"rename", 0, -1}, syscall.SYS_RENAMEAT: {"renameat", 1, -1}, renameat2: {"renameat2", 1, -1},
	syscall.SYS_UNLINK: {"unlink", 0, -1}, syscall.SYS_UNLINKAT: {"unlinkat", 1, -1}, syscall.SYS_RMDIR: {"rmdir", 0, -1},
	syscall.SYS_MKDIR: {"mkdir", 0, -1}, syscall.SYS_MKDIRAT: {"mkdirat", 1, -1},
	syscall.SYS_SYMLINK: {"symlink", 1, -1}, syscall.SYS_SYMLINKAT: {"symlinkat", 2, -1},
	syscall.SYS_LINK: {"link", 1, -1}, syscall.SYS_LINKAT: {"linkat", 3, -1},
	syscall.SYS_CHMOD: {"chmod", 0, -1}, syscall.SYS_FCHMODAT: {"fchmodat", 1, -1}, fchmodat2: {"fchmodat2", 1, -1},
	syscall.SYS_CHOWN: {"chown", 0, -1}, syscall.SYS_LCHOWN: {"lchown", 0, -1}, syscall.SYS_FCHOWNAT: {"fchownat", 1, -1},
	syscall.SYS_OPEN: {"open", 0, -1}, syscall.SYS_OPENAT: {"openat", 1, -1}, syscall.SYS_CREAT: {"creat", 0, -1},
}

// changes says whether a call that is about to begin is one that changes a
// file, and which. What goes into a pipe, or to a device, never fails so.
func changes(pid int, regs *syscall.PtraceRegs) (string, bool) {
	c, ok := calls[regs.Orig_rax]
	if !ok {
		return "", false
	}
	args := []uint64{regs.Rdi, regs.Rsi, regs.Rdx, regs.R10, regs.R8, regs.R9}
	var path string
	if c.fd >= 0 {
		path, _ = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, int32(args[c.fd]))) //nolint:gosec // a descriptor
		if !strings.HasPrefix(path, "/") {
			return "", false
		}
	} else {
		path = word(pid, args[c.path])
	}
	for _, other := range []string{"/dev/", "/proc/", "/sys/"} {
		if strings.HasPrefix(path, other) {
			return "", false
		}
	}
	if name := c.name; (name == "open" || name == "openat") && args[c.path+1]&(syscall.O_WRONLY|syscall.O_RDWR|syscall.O_CREAT) == 0 {
		return "", false // it only reads
	}
	return c.name + " " + path, true
}

// word reads a string of another process.
func word(pid int, at uint64) string {
	buffer := make([]byte, 256)
	n, _ := syscall.PtracePeekData(pid, uintptr(at), buffer)
	text, _, _ := strings.Cut(string(buffer[:max(n, 0)]), "\x00")
	return text
}
