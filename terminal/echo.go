//go:build linux || darwin

package terminal

import "golang.org/x/sys/unix"

// withoutEcho has a terminal not show what is typed, until restore is called. It
// comes before a question: who answers at once is not seen either.
func withoutEcho(fd int) (restore func(), err error) {
	was, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, err
	}
	silent := *was
	silent.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, setTermios, &silent); err != nil {
		return nil, err
	}
	return func() { _ = unix.IoctlSetTermios(fd, setTermios, was) }, nil
}
