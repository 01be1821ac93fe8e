package shell

import (
	"fmt"
	"io"
	"strings"

	"github.com/kplb/kplb/remote/failure"
)

// errorStream is the standard error of a run: its end, and what says that it has come.
type errorStream struct {
	failure.Tail
	r      io.Reader
	nonce  string
	window string
	ended  bool // the script has
}

func newErrorStream(r io.Reader, nonce string) *errorStream {
	return &errorStream{Tail: failure.Tail{Limit: failure.TailSize}, r: r, nonce: nonce}
}

// end is what the shell says when the script has ended.
func (e *errorStream) end() string { return "\n" + e.nonce + "\n" }

// add looks for the end; it may come in pieces.
func (e *errorStream) add(p []byte) {
	e.Add(p)
	e.window += string(p)
	e.ended = e.ended || strings.Contains(e.window, e.end())
	e.window = e.window[max(0, len(e.window)-len(e.end())+1):]
}

// String is for people: without our marks, and without the end of the line of the one before.
func (e *errorStream) String() string {
	return strings.TrimPrefix(strings.TrimSuffix(e.Tail.String(), e.end()), "\n")
}

func (r *run) readErrors() {
	buffer := make([]byte, 4<<10)
	for {
		n, err := r.stderr.r.Read(buffer)
		r.stderr.add(buffer[:n])
		if r.stderr.Total > MaxOutput {
			r.fault(r.host.error(fmt.Errorf("%s %w: over %d MiB on standard error", r.script.Name, failure.ErrOutputLimit, MaxOutput>>20), ""))
			return
		}
		if err != nil || r.stderr.ended {
			return
		}
	}
}
