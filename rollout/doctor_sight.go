package rollout

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
)

// sight is what one node saw. Nothing in it is trusted: see take.
type sight struct {
	nonce        string        // of its probes
	ahead, doubt time.Duration // of its clock, to the operator's
	hasClock     bool
	addresses    []Address
	macs         map[string]string // of its Ethernet interfaces, by name
	neighbours   []neighbour
	manifests    map[string][]byte
	selinux      string
	connectAny   string   // SELinux's haproxy_connect_any
	enforced     []string // AppArmor's profiles
	deaf         string   // why it did not listen
	listens      bool
	asks, asks6  bool                    // itself: by ARP, by neighbour discovery
	asked        bool                    // through the kernel, which has a memory
	answers      map[netip.Addr][]string // the MACs that said that they have a VIP
	speakers     []speaker
	heard        map[string]bool // nonces
	kept         []netip.Addr    // whom its own firewall sends no VRRP
	sent, ended  time.Time       // zero: it could not send
}

type neighbour struct {
	address netip.Addr
	mac     string
	fresh   bool // it has answered just now
}

// speaker is somebody who sends VRRP adverts.
type speaker struct {
	address                 netip.Addr
	version, vrid, priority int
}

func (s speaker) String() string {
	return fmt.Sprintf("%s with virtual router ID %d (version %d, priority %d)", s.address, s.vrid, s.version, s.priority)
}

// asksFor says whether the node itself asks who has the VIP.
func (t *sight) asksFor(vip netip.Addr) bool {
	if vip.Is6() {
		return t.asks6
	}
	return t.asks
}

// holds says whether the node has an address.
func (t *sight) holds(a netip.Addr) bool {
	return slices.ContainsFunc(t.addresses, func(have Address) bool { return have.Prefix.Addr() == a })
}

// whyDoesNotAsk says why it asks nobody who has a VIP.
func (t *sight) whyDoesNotAsk(vip netip.Addr) string {
	switch {
	case !t.listens:
		return t.whyDeaf()
	case vip.Is6():
		return "its interface has no IPv6 address, or is not Ethernet"
	}
	return "its interface is not Ethernet"
}

func (t *sight) whyDeaf() string {
	switch {
	case t.deaf != "":
		return t.deaf
	case !t.listens:
		return "it did not listen"
	}
	return "its interface is not Ethernet"
}

// whyMute says why a node sent no probes.
func (t *sight) whyMute(n inventory.Node) string {
	if t.listens && t.deaf == "" && t.mac(n) != "" {
		return "it tried"
	}
	return t.whyDeaf()
}

// mac is that of the interface that has the node's address; empty: none.
func (t *sight) mac(n inventory.Node) string {
	for _, a := range t.addresses {
		if a.Prefix.Addr() == fourOf(n) {
			return t.macs[a.Interface]
		}
	}
	return ""
}

// fourOf is the node's IPv4 address, by which it looks around; its own if it has
// none.
func fourOf(n inventory.Node) netip.Addr {
	if a := n.AddressFor(netip.IPv4Unspecified()); a.IsValid() {
		return a
	}
	return n.Address
}

// takeClock places the node's clock between asking and the answer.
func (t *sight) takeClock(r remote.Record, asked, got time.Time) {
	if len(r.Fields) != 1 || !clockForm.MatchString(r.Fields[0]) {
		return
	}
	whole, part, _ := strings.Cut(r.Fields[0], ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	nanos, err2 := strconv.ParseInt(part, 10, 64)
	if err != nil || err2 != nil {
		return
	}
	t.doubt = got.Sub(asked) / 2
	t.ahead = time.Unix(seconds, nanos).Sub(asked.Add(t.doubt).Round(0))
	t.hasClock = true
}

var (
	clockForm   = regexp.MustCompile(`^[0-9]{1,11}\.[0-9]{9}$`)
	macForm     = regexp.MustCompile(`^([0-9a-f]{2}:){5}[0-9a-f]{2}$`)
	linkForm    = regexp.MustCompile(`(?m)^[0-9]+: ([^@:\s]{1,15})[@:].*\blink/ether ((?:[0-9a-f]{2}:){5}[0-9a-f]{2})\b`)
	profileForm = regexp.MustCompile(`(?m)^([A-Za-z0-9/._-]{1,60}) \(enforce\)$`)
	nonceForm   = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// mostSpeakers bounds what one node tells of others.
const mostSpeakers = 64

// take adds one record of doctor.sh. What does not have its form is left out,
// and so is what comes too late: others read of a node that listens where it is.
func (t *sight) take(r remote.Record) error {
	if t.listens && !slices.Contains([]string{"has", "vrrp", "probe", "deaf"}, r.Key) {
		return nil
	}
	field := func(i int) string {
		if i < len(r.Fields) {
			return r.Fields[i]
		}
		return ""
	}
	switch r.Key {
	case "addresses":
		t.addresses = node.ParseAddresses(field(0))
	case "links":
		for _, m := range linkForm.FindAllStringSubmatch(field(0), -1) {
			t.macs[m[1]] = m[2]
		}
	case "neighbours", "neighbour":
		t.asked = t.asked || r.Key == "neighbour"
		t.neighbours = append(t.neighbours, parseNeighbours(field(0), r.Key == "neighbour")...)
	case "manifest":
		data, err := r.Data(1)
		if err != nil {
			return fmt.Errorf("doctor: manifest: %w", err)
		}
		if t.manifests == nil {
			t.manifests = map[string][]byte{}
		}
		t.manifests[field(0)] = data
	case "selinux":
		t.selinux, t.connectAny = field(0), field(1)
	case "apparmor":
		for _, m := range profileForm.FindAllStringSubmatch(field(0), -1) {
			t.enforced = append(t.enforced, m[1])
		}
	case "deaf":
		t.deaf = shorten(strings.ReplaceAll(field(0), "\n", " "))
	case "listening":
		t.listens, t.asks, t.asks6 = true, slices.Contains(r.Fields, "arp"), slices.Contains(r.Fields, "nd")
	case "has":
		if vip, err := netip.ParseAddr(field(1)); err == nil && macForm.MatchString(field(0)) && len(t.answers[vip]) < mostSpeakers {
			t.answers[vip] = append(t.answers[vip], field(0))
		}
	case "vrrp":
		t.takeSpeaker(r.Fields)
	case "probe":
		if nonceForm.MatchString(field(0)) && len(t.heard) < mostSpeakers {
			t.heard[field(0)] = true
		}
	}
	return nil
}

// takeSent adds one record of doctor.sh that sends, while the other one is
// still at work.
func (t *sight) takeSent(r remote.Record) error {
	switch {
	case r.Key == "sent":
		t.sent = time.Now()
	case r.Key == "kept" && len(r.Fields) == 1 && len(t.kept) < mostSpeakers:
		if a, err := netip.ParseAddr(r.Fields[0]); err == nil {
			t.kept = append(t.kept, a)
		}
	}
	return nil
}

func (t *sight) takeSpeaker(fields []string) {
	if len(fields) != 4 || len(t.speakers) >= mostSpeakers {
		return
	}
	address, err := netip.ParseAddr(fields[0])
	s := speaker{address: address}
	for i, to := range []*int{&s.version, &s.vrid, &s.priority} {
		n, bad := strconv.ParseUint(fields[i+1], 10, 8)
		if err != nil || bad != nil {
			return
		}
		*to = int(n)
	}
	t.speakers = append(t.speakers, s)
}

// parseNeighbours reads `ip neigh show`. Only who was just asked counts as
// fresh: the kernel keeps others for days.
func parseNeighbours(text string, asked bool) []neighbour {
	var out []neighbour
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
		out = append(out, neighbour{address, words[at+1], asked && words[len(words)-1] == "REACHABLE"})
	}
	return out
}
