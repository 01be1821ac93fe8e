package haproxy

import (
	"fmt"
	"slices"
	"strings"
)

// Served is one thing that HAProxy does for others with a configuration: it listens
// somewhere, it runs a program, or something that this package does not know.
type Served struct {
	Doing   string // "listening on *:443"
	Section string // "frontend ingress"; empty: there is none
	at      endpoint
}

// String is what ends without the configuration, after a subject.
func (s Served) String() string {
	if s.Section == "" {
		return "stops " + s.Doing
	}
	return "stops " + s.Doing + " (" + s.Section + ")"
}

// packageSockets are the sockets for administrators of the packages' own haproxy.cfg,
// which serve nobody else: Debian's and Ubuntu's, and that of Fedora's relatives.
var packageSockets = []string{"/run/haproxy/admin.sock", "/var/run/haproxy/admin.sock", "/var/lib/haproxy/stats"}

// Serves lists what HAProxy does with a configuration, in its order; none: it has
// settings alone, as the packages' own haproxy.cfg has. A line that this package does
// not know is something that it does wherever such a line can be.
func (c Config) Serves() []Served {
	var out []Served
	for _, s := range c {
		out = append(out, s.serves()...)
	}
	return out
}

func (s Section) serves() []Served {
	switch {
	case len(s.Words) == 0:
		return unknown(s.Lines)
	case s.Words[0] == "global":
		return s.globalServes()
	case s.Words[0] == "peers":
		return append(s.listens(), Served{Doing: "exchanging tables with its peers", Section: s.ID()})
	case s.Words[0] == "program":
		return []Served{{Doing: "running a program", Section: s.ID()}}
	case s.isDisabled():
		return nil
	}
	return s.listens()
}

// unknown are lines before the first section, where HAProxy has none, but for
// conditions and messages (.if, .notice).
func unknown(lines []Line) []Served {
	var out []Served
	for _, l := range lines {
		if !strings.HasPrefix(l.Words[0], ".") {
			out = append(out, Served{Doing: fmt.Sprintf("what line %d of its file, `%s`, asks for", l.Number, strings.Join(l.Words, " "))})
		}
	}
	return out
}

func (s Section) globalServes() []Served {
	out := s.listens()
	for _, l := range s.Lines {
		switch {
		case l.Is("stats", "socket") && len(l.Words) > 2 && !slices.Contains(packageSockets, l.Words[2]):
			out = append(out, listening(l.Words[2], s.ID()))
		case strings.HasPrefix(l.Words[0], "lua-load"):
			out = append(out, Served{Doing: fmt.Sprintf("running `%s`", strings.Join(l.Words, " ")), Section: s.ID()})
		}
	}
	return out
}

// isDisabled says whether a proxy is not started; the last word counts.
func (s Section) isDisabled() bool {
	disabled := false
	for _, l := range s.Lines {
		disabled = l.Is("disabled") || disabled && !l.Is("enabled")
	}
	return disabled
}

// listens are its bind lines, and an address on its own line, as HAProxy before
// 1.7 has it: listen web :80.
func (s Section) listens() []Served {
	var out []Served
	if name := s.Words[0]; (name == "frontend" || name == "listen") && len(s.Words) > 2 && s.Words[2] != "from" {
		out = append(out, s.listeningOn(s.Words[2])...)
	}
	for _, l := range s.Lines {
		if (l.Is("bind") || l.Is("dgram-bind")) && len(l.Words) > 1 {
			out = append(out, s.listeningOn(l.Words[1])...)
		}
	}
	return out
}

// listeningOn is a list of addresses, with commas.
func (s Section) listeningOn(list string) []Served {
	var out []Served
	for at := range strings.SplitSeq(list, ",") {
		if at != "" {
			out = append(out, listening(at, s.ID()))
		}
	}
	return out
}

func listening(at, section string) Served {
	e := parseEndpoint(at)
	return Served{Doing: "listening on " + e.text, Section: section, at: e}
}

// CarriedOn says whether one of others does the same: it listens at the same
// address, or at all of them.
func (s Served) CarriedOn(others []Served) bool {
	return slices.ContainsFunc(others, func(o Served) bool {
		return o.Doing == s.Doing && (s.at.text != "" || o.Section == s.Section) || o.at.covers(s.at)
	})
}
