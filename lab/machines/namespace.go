//go:build linux

package machines

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
)

// The main thread stays with main: in another network namespace it would have
// the whole process counted among that machine's, and killed with it.
func init() { runtime.LockOSThread() }

// setns is the number of the system call, which package syscall does not name.
var setns = map[string]uintptr{"amd64": 308, "arm64": 268}[runtime.GOARCH]

// Enter moves the calling goroutine to the operator's network namespace for
// the rest of its life: sockets that it makes itself belong there.
func (l Lab) Enter() error { return enter(l.Name + "-operator") }

// enter moves the calling goroutine to a network namespace.
func enter(namespace string) error {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	f, err := os.Open("/run/netns/" + namespace)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	if setns == 0 {
		return fmt.Errorf("setns is not known on %s", runtime.GOARCH)
	}
	if _, _, failed := syscall.RawSyscall(setns, f.Fd(), syscall.CLONE_NEWNET, 0); failed != 0 {
		return fmt.Errorf("setns: %w", failed)
	}
	return nil
}
