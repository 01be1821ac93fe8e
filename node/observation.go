package node

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/remote"
)

// Observation is what one node saw. Nothing in it is trusted: it is typed, and
// its strings are free of control characters.
type Observation struct {
	HasClock     bool
	Ahead, Doubt time.Duration // of the node's clock, to the operator's

	Addresses  []Address
	MACs       map[string]string // of its Ethernet interfaces, by name
	Neighbours []Neighbour
	Manifests  map[string][]byte // of static pods, by the name of their component

	SELinux    string   // getenforce's word; empty: there is none
	ConnectAny string   // SELinux's haproxy_connect_any
	Enforced   []string // AppArmor's profiles

	Listens         bool
	ListenError     string                  // why it did not listen, or not to the end
	AsksARP, AsksND bool                    // itself, who has a VIP
	KernelAsked     bool                    // instead, which remembers who had it earlier
	Answers         map[netip.Addr][]string // the MACs that said that they have a VIP
	Speakers        []Speaker               // of VRRP
	Heard           map[string]bool         // nonces of probes
}

// Neighbour is an entry of the kernel's table of neighbours.
type Neighbour struct {
	Address netip.Addr
	MAC     string
	Fresh   bool // it has answered just now
}

// Speaker is somebody who sends VRRP adverts.
type Speaker struct {
	Address                 netip.Addr
	Version, VRID, Priority int
}

func (s Speaker) String() string {
	return fmt.Sprintf("%s with virtual router ID %d (version %d, priority %d)", s.Address, s.VRID, s.Version, s.Priority)
}

// takeClock places the node's clock between asking and the answer.
func (o *Observation) takeClock(r remote.Record, asked, got time.Time) {
	if len(r.Fields) != 1 || !clockForm.MatchString(r.Fields[0]) {
		return
	}
	whole, part, _ := strings.Cut(r.Fields[0], ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	nanos, err2 := strconv.ParseInt(part, 10, 64)
	if err != nil || err2 != nil {
		return
	}
	o.Doubt = got.Sub(asked) / 2
	o.Ahead = time.Unix(seconds, nanos).Sub(asked.Add(o.Doubt).Round(0))
	o.HasClock = true
}

var (
	macForm     = regexp.MustCompile(`^([0-9a-f]{2}:){5}[0-9a-f]{2}$`)
	linkForm    = regexp.MustCompile(`(?m)^[0-9]+: ([^@:\s]{1,15})[@:].*\blink/ether ((?:[0-9a-f]{2}:){5}[0-9a-f]{2})\b`)
	profileForm = regexp.MustCompile(`(?m)^([A-Za-z0-9/._-]{1,60}) \(enforce\)$`)
	nonceForm   = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// mostSpeakers bounds what one node tells of others.
const mostSpeakers = 64

// take adds one record of doctor.sh. What does not have its form is left out,
// and so is what comes too late: others read of a node that listens where it is.
func (o *Observation) take(r remote.Record) error {
	if o.Listens && !slices.Contains([]string{"has", "vrrp", "probe", "deaf"}, r.Key) {
		return nil
	}
	field := fieldsOf(r)
	o.makeMaps()
	switch r.Key {
	case "manifest":
		data, err := r.Data(1)
		if err != nil {
			return fmt.Errorf("doctor: manifest: %w", err)
		}
		if component, known := components[field(0)]; known {
			o.Manifests[component] = data
		}
	case "selinux":
		o.SELinux, o.ConnectAny = field(0), field(1)
	case "apparmor":
		for _, m := range profileForm.FindAllStringSubmatch(field(0), -1) {
			o.Enforced = append(o.Enforced, m[1])
		}
	case "addresses":
		o.Addresses = parseAddresses(field(0))
	case "links":
		for _, m := range linkForm.FindAllStringSubmatch(field(0), -1) {
			o.MACs[m[1]] = m[2]
		}
	case "neighbours", "neighbour":
		o.KernelAsked = o.KernelAsked || r.Key == "neighbour"
		o.Neighbours = append(o.Neighbours, parseNeighbours(field(0), r.Key == "neighbour")...)
	default:
		o.takeHeard(r, field)
	}
	return nil
}

// components are those whose flags doctor.sh reads, in its words.
var components = map[string]string{"apiserver": distribution.APIServer, "controller-manager": distribution.ControllerManager}

// takeHeard takes what the node has heard of others while it listened, or why it
// could not.
func (o *Observation) takeHeard(r remote.Record, field func(int) string) {
	switch r.Key {
	case "deaf":
		o.ListenError = shortened(strings.ReplaceAll(field(0), "\n", " "))
	case "listening":
		o.Listens, o.AsksARP, o.AsksND = true, slices.Contains(r.Fields, "arp"), slices.Contains(r.Fields, "nd")
	case "has":
		if vip, err := netip.ParseAddr(field(1)); err == nil && macForm.MatchString(field(0)) && len(o.Answers[vip]) < mostSpeakers {
			o.Answers[vip] = append(o.Answers[vip], field(0))
		}
	case "vrrp":
		o.takeSpeaker(r.Fields)
	case "probe":
		if nonceForm.MatchString(field(0)) && len(o.Heard) < mostSpeakers {
			o.Heard[field(0)] = true
		}
	}
}

func (o *Observation) makeMaps() {
	if o.MACs == nil {
		o.MACs, o.Manifests = map[string]string{}, map[string][]byte{}
		o.Answers, o.Heard = map[netip.Addr][]string{}, map[string]bool{}
	}
}

func (o *Observation) takeSpeaker(fields []string) {
	if len(fields) != 4 || len(o.Speakers) >= mostSpeakers {
		return
	}
	address, err := netip.ParseAddr(fields[0])
	s := Speaker{Address: address}
	for i, to := range []*int{&s.Version, &s.VRID, &s.Priority} {
		n, bad := strconv.ParseUint(fields[i+1], 10, 8)
		if err != nil || bad != nil {
			return
		}
		*to = int(n)
	}
	o.Speakers = append(o.Speakers, s)
}

// parseNeighbours reads `ip neigh show`. Only who was just asked counts as
// fresh: the kernel keeps others for days.
func parseNeighbours(text string, asked bool) []Neighbour {
	var out []Neighbour
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		at := slices.Index(words, "lladdr")
		if at < 0 || at+2 >= len(words) || !macForm.MatchString(words[at+1]) {
			continue
		}
		address, err := netip.ParseAddr(words[0])
		if err != nil {
			continue
		}
		out = append(out, Neighbour{address, words[at+1], asked && words[len(words)-1] == "REACHABLE"})
	}
	return out
}

// shortened is what of a node's words people read.
func shortened(s string) string {
	const enough = 100
	if len(s) <= enough {
		return s
	}
	return strings.ToValidUTF8(s[:enough], "") + "…"
}
