package node

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// Kernel is what exposure: ipvs needs to know of it.
type Kernel struct {
	Release string
	IPVS    string // there, module (that can be loaded), or none
}

// RealServer is a real server of the kernel's virtual server, as /proc/net/ip_vs
// has it.
type RealServer struct {
	At               netip.AddrPort
	Method           string // Masq is NAT
	Weight           int
	Active, Inactive int // connections
}

// parseRealServers reads the real servers of kplb's mark in /proc/net/ip_vs; nil
// where the kernel has no virtual server for it.
func parseRealServers(text string) []RealServer {
	var out []RealServer
	within := false
	for line := range strings.Lines(text) {
		field := strings.Fields(line)
		switch {
		case len(field) >= 2 && field[0] == "FWM":
			if within = field[1] == mark; within {
				out = []RealServer{}
			}
		case len(field) > 0 && field[0] != "->":
			within = false
		case within && len(field) == 6:
			if d, ok := parseRealServer(field[1:]); ok {
				out = append(out, d)
			}
		}
	}
	return out
}

// parseRealServer reads one line: 0A010101:192B Masq 1 0 0.
func parseRealServer(field []string) (RealServer, bool) {
	address, port, _ := strings.Cut(field[0], ":")
	ip, err := hex.DecodeString(address)
	if err != nil || len(ip) != 4 {
		return RealServer{}, false
	}
	number, err := strconv.ParseUint(port, 16, 16)
	d := RealServer{At: netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip)), uint16(number)), Method: remote.Clean(field[1])}
	for i, to := range []*int{&d.Weight, &d.Active, &d.Inactive} {
		var wrong error
		if *to, wrong = strconv.Atoi(field[2+i]); wrong != nil {
			err = wrong
		}
	}
	return d, err == nil
}

// mark is that of the kernel's virtual server, as /proc/net/ip_vs writes it.
var mark = fmt.Sprintf("%08X", render.IPVSMark)
