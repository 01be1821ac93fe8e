package vrrp

import (
	"fmt"

	"github.com/kplb/kplb/keepalived"
)

// Problem is a reason why the nodes would not agree on one holder of the VIP,
// or on one that works.
type Problem struct {
	Node string
	Path string // of the file, on the node
	Line int    // in it, from 1
	What string // is wrong there

	hint string
}

func (p *Problem) Error() string { return p.Node + ": " + p.Where() + ": " + p.What }

// Where is the place in the file, PATH:LINE.
func (p *Problem) Where() string { return fmt.Sprintf("%s:%d", p.Path, p.Line) }

// Hint is what to write instead.
func (p *Problem) Hint() string { return p.hint }

// problem is one on a line of the speaker's keepalived.conf.
func (s Speaker) problem(line int, hint, what string, args ...any) *Problem {
	return &Problem{Node: s.Node, Path: keepalived.ConfigPath, Line: line, What: fmt.Sprintf(what, args...), hint: hint}
}
