package keepalived

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Held is one thing that keepalived has or does with a configuration: an address, or
// something else that others may count on.
type Held struct {
	Address netip.Addr // not valid: it is something else
	Text    string     // of that: "stops balancing 10.1.1.9 80 (virtual_server)"
	Include string     // what it reads other files by, with wildcards; empty: it is something else
}

// String is what ends without the configuration, after a subject.
func (h Held) String() string {
	if h.Address.IsValid() {
		return "gives up " + h.Address.String()
	}
	return h.Text
}

func stops(format string, args ...any) Held {
	return Held{Text: "stops " + fmt.Sprintf(format, args...)}
}

// settingsOnly are the words at the top of a file that hold nothing by themselves.
var settingsOnly = []string{
	"vrrp_script", "vrrp_track_process", "vrrp_track_file", "vrrp_track_bfd", "track_file", "static_track_group", "garp_group",
	"virtual_server_group", "local_address_group", "interface_up_down_delays", "linkbeat_interfaces", "linkbeat_use_polling", "SSL", "ssl",
	"instance", "use_pid_dir", "child_wait_time", "namespace_with_ipsets", "include_check",
}

// inInstance are the blocks of a vrrp_instance that hold nothing by themselves.
var inInstance = []string{
	"authentication", "unicast_peer", "track_interface", "track_script", "track_process", "track_file", "track_bfd",
}

// Holds lists what keepalived has and does with a configuration, in its order; none:
// it has settings alone. What this package does not know is something that it does.
func (s Statement) Holds() []Held {
	var out []Held
	for _, inner := range s.Inner {
		switch word := inner.Word(0); {
		case inner.Is("vrrp_instance"):
			out = append(out, inner.instanceHolds()...)
		case inner.Is("virtual_server"):
			out = append(out, stops("balancing %s (virtual_server)", strings.Join(inner.Words[1:], " ")))
			out = append(out, inner.scripts()...)
		case inner.Is("static_ipaddress"):
			out = append(out, inner.addresses()...)
		case inner.Is("static_routes", "static_rules"):
			out = append(out, inner.kernel()...)
		case inner.Is("global_defs", "vrrp_sync_group"):
			out = append(out, inner.scripts()...)
		case inner.includes():
			out = append(out, inner.include())
		case !slices.Contains(settingsOnly, word):
			out = append(out, inner.unknown())
		}
	}
	return out
}

func (s Statement) instanceHolds() []Held {
	out := s.scripts()
	for _, inner := range s.Inner {
		switch {
		case inner.Is("virtual_ipaddress", "virtual_ipaddress_excluded"):
			out = append(out, inner.addresses()...)
		case inner.Is("virtual_routes", "virtual_rules"):
			out = append(out, inner.kernel()...)
		case inner.odd() || len(inner.Inner) > 0 && !inner.Is(inInstance...):
			out = append(out, inner.unknown())
		}
	}
	return out
}

// includes says whether the statement names files to read.
func (s Statement) includes() bool {
	return strings.HasPrefix(s.Word(0), "include") && !s.Is("include_check")
}

func (s Statement) include() Held {
	h := stops("reading %s (%s)", s.Word(1), s.Word(0))
	h.Include = s.Word(1)
	return h
}

// scripts are those of a block that are run when something changes, and the files that
// it may have more of them from.
func (s Statement) scripts() []Held {
	var out []Held
	for _, inner := range s.Inner {
		switch {
		case inner.includes():
			out = append(out, inner.include())
		case strings.HasPrefix(inner.Word(0), "notify"), inner.Is("startup_script", "shutdown_script", "quorum_up", "quorum_down"):
			out = append(out, stops("running `%s` (%s)", strings.Join(inner.Words, " "), strings.Join(s.Words, " ")))
		}
	}
	return out
}

// addresses are those of a block, each on a line of its own or behind another.
func (s Statement) addresses() []Held {
	var out []Held
	for _, inner := range s.Inner {
		found := false
		for i, word := range inner.Words {
			address, ok := parseAddress(word)
			if !ok || i > 0 && slices.Contains([]string{"brd", "broadcast", "peer"}, inner.Words[i-1]) {
				continue
			}
			out, found = append(out, Held{Address: address}), true
		}
		if !found {
			out = append(out, inner.unknown())
		}
	}
	return out
}

func parseAddress(word string) (netip.Addr, bool) {
	word, _, _ = strings.Cut(word, "/")
	address, err := netip.ParseAddr(word)
	return address, err == nil
}

// kernel are the routes or rules of a block.
func (s Statement) kernel() []Held {
	out := make([]Held, len(s.Inner))
	for i, inner := range s.Inner {
		out[i] = Held{Text: fmt.Sprintf("gives up `%s` (%s)", strings.Join(inner.Words, " "), s.Word(0))}
	}
	return out
}

// odd says whether the statement is a condition (@), or has a variable ($, ~).
func (s Statement) odd() bool { return strings.ContainsAny(s.Word(0), "@$~") }

func (s Statement) unknown() Held {
	return stops("what line %d of its file, `%s`, asks for", s.Line, strings.Join(s.Words, " "))
}

// CarriedOn says whether another configuration holds the same.
func (h Held) CarriedOn(others []Held) bool { return slices.Contains(others, h) }
