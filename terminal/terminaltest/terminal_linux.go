// Package terminaltest gives tests a terminal: a person types and reads at one end, and
// kplb has the other.
package terminaltest

import (
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// Terminal is a pseudo-terminal.
type Terminal struct {
	KPLB *os.File // kplb's end

	t      *testing.T
	person *os.File
}

// Open opens a terminal of 100 columns and 30 rows. The test is skipped where there are no
// pseudo-terminals.
func Open(t *testing.T) *Terminal {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { _ = person.Close() })
	var locked, number uint32
	control(t, person, syscall.TIOCSPTLCK, unsafe.Pointer(&locked)) //nolint:gosec // ioctl(2) takes a pointer
	control(t, person, syscall.TIOCGPTN, unsafe.Pointer(&number))   //nolint:gosec // ioctl(2) takes a pointer
	kplb, err := os.OpenFile("/dev/pts/"+strconv.Itoa(int(number)), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kplb.Close() })
	p := &Terminal{KPLB: kplb, t: t, person: person}
	p.Resize(100, 30)
	return p
}

// control asks the kernel something about a terminal.
func control(t *testing.T, f *os.File, request uintptr, about unsafe.Pointer) {
	t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(about)); errno != 0 {
		t.Fatal(errno)
	}
}

// Resize gives it another size.
func (p *Terminal) Resize(columns, rows uint16) {
	p.t.Helper()
	size := [4]uint16{rows, columns}
	control(p.t, p.KPLB, syscall.TIOCSWINSZ, unsafe.Pointer(&size)) //nolint:gosec // ioctl(2) takes a pointer
}

// Types has the person type lines, before anybody asks.
func (p *Terminal) Types(lines ...string) {
	p.t.Helper()
	for _, line := range lines {
		if _, err := io.WriteString(p.person, line+"\n"); err != nil {
			p.t.Fatal(err)
		}
	}
}

// Reads is what the person reads until a text has come.
func (p *Terminal) Reads(until string) string {
	p.t.Helper()
	var seen strings.Builder
	for buf := make([]byte, 1024); !strings.Contains(seen.String(), until); {
		come := make(chan error, 1)
		n := 0
		go func() {
			var err error
			n, err = p.person.Read(buf)
			come <- err
		}()
		select {
		case err := <-come:
			if err != nil {
				p.t.Fatalf("%v after %q", err, seen.String())
			}
			seen.Write(buf[:n])
		case <-time.After(10 * time.Second):
			p.t.Fatalf("%q does not come after %q", until, seen.String())
		}
	}
	return strings.ReplaceAll(seen.String(), "\r\n", "\n")
}
