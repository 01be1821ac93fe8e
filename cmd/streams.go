package cmd

import (
	"fmt"
	"io"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/terminal"
)

// streams are the standard streams, on a terminal or not, and the only way to
// machines.
type streams struct {
	in       io.Reader
	out, err io.Writer
	color    string // auto, always or never; empty: auto
	machines machines
}

// machines are how a command reaches the nodes, and the cluster from here. The
// zero value does so over SSH, and over this machine's network.
type machines struct {
	dial    fleet.Dialer
	network fleet.DialFunc
}

// say writes one line of progress or diagnostics.
func (s *streams) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.err, "kplb: "+format+"\n", args...) // nothing can be done about a closed stderr
}

// colored says whether w takes colours.
func (s *streams) colored(w io.Writer) bool { return terminal.Colored(w, s.color) }
