package sshconfig

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/kplb/kplb/remote/failure"
)

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?$`)

// checkHost refuses everything that ssh(1) or a resolver could take for something else than a host.
func checkHost(host string) error {
	if _, err := netip.ParseAddr(host); err == nil && !strings.ContainsAny(host, "/ ") {
		return nil
	}
	if len(host) > 253 || !hostName.MatchString(host) {
		return fmt.Errorf("%w: %q is neither a host name nor an IP address", failure.ErrTarget, host)
	}
	return nil
}

func checkUser(name string) error {
	if strings.HasPrefix(name, "-") || strings.ContainsAny(name, "'`\";&<>|(){} \t") || failure.Clean(name) != name || strings.Contains(name, "\n") {
		return fmt.Errorf("%w: %q is not a user name", failure.ErrTarget, name)
	}
	return nil
}

// parseJump reads [user@]host[:port] or ssh://[user@]host[:port].
func parseJump(s string) (Target, error) {
	t := Target{Host: strings.TrimSuffix(strings.TrimPrefix(s, "ssh://"), "/"), Name: s}
	if i := strings.LastIndexByte(t.Host, '@'); i >= 0 {
		t.User, t.Host = t.Host[:i], t.Host[i+1:]
		if t.User == "" {
			return t, fmt.Errorf("%w: jump host %q has an empty user", failure.ErrTarget, s)
		}
	}
	if host, port, err := net.SplitHostPort(t.Host); err == nil {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return t, fmt.Errorf("%w: jump host %q has no port between 1 and 65535", failure.ErrTarget, s)
		}
		t.Host, t.Port = host, uint16(n)
	}
	t.Host = strings.TrimSuffix(strings.TrimPrefix(t.Host, "["), "]")
	return t, nil
}
