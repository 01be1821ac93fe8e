package kubeadm

import (
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// dnsName is what Kubernetes takes as the name of a host.
var dnsName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$`)

// isHost is true for an address and for the name of a host.
func isHost(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Zone() == ""
	}
	return len(host) <= 253 && dnsName.MatchString(host)
}

// isServer is true for https:// and what is nothing but a host and perhaps a port.
func isServer(server string) bool {
	u, err := url.Parse(server)
	return err == nil && u.Scheme == "https" && isEndpoint(u.Host) && server == "https://"+u.Host
}

// isEndpoint is true for a host and perhaps a port. An IPv6 address is in
// brackets.
func isEndpoint(endpoint string) bool {
	host := endpoint
	if i := strings.LastIndexByte(endpoint, ':'); i > strings.LastIndexByte(endpoint, ']') {
		host = endpoint[:i]
		if port, err := strconv.ParseUint(endpoint[i+1:], 10, 16); err != nil || port == 0 {
			return false
		}
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		return ok && strings.Contains(inner, ":") && isHost(inner)
	}
	return !strings.Contains(host, ":") && isHost(host)
}

// isSAN is true for what kubeadm takes as one of certSANs.
func isSAN(san string) bool {
	name, wild := strings.CutPrefix(san, "*.")
	return isHost(name) && (!wild || dnsName.MatchString(name))
}
