package remote

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Target names one host and how to log in to it. Fields left zero are taken from ssh_config, then from defaults: port
// 22, the user who runs this, the usual identity files.
type Target struct {
	Name          string   // how messages call it; default Host
	Host          string   // address or ssh_config alias: a host name (RFC 1123, _ too) or an IP address
	Port          uint16   //
	User          string   //
	IdentityFiles []string // private keys, offered first and in this order; ~/ is the home directory
	ProxyJump     []string // hops, first one first: [user@]host[:port]
}

// Options say how to connect. The zero value is strict and asks nobody.
type Options struct {
	KnownHosts        []string      // files, missing ones are empty; new keys go into the first; default: what ssh_config says, else ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts
	AcceptNew         bool          // record the key of a host of which nothing is known, and tell through Notify; changed and revoked keys are refused all the same
	SSHConfig         bool          // ask `ssh -G`, where ssh and a configuration file exist; what the Target says wins
	SSHConfigFile     string        // instead of ~/.ssh/config and /etc/ssh/ssh_config; implies SSHConfig
	ConnectTimeout    time.Duration // for each hop, until the login is done, prompts not counted; default 10 s
	KeepaliveInterval time.Duration // a connection that leaves a probe unanswered for as long is given up; default 15 s

	// Passphrase decrypts a key file; nil: encrypted keys are skipped. It is asked only when the host would accept the key.
	// Several Dials may call it at once; CachePassphrases makes one out of many.
	Passphrase func(ctx context.Context, keyFile string) ([]byte, error)
	// SudoPassword is asked when sudo asks; nil: sudo -n. Several Runs may call it at once.
	SudoPassword func(ctx context.Context, host string) ([]byte, error)
	// Notify tells about what was done without being asked for. It may be called by several Dials at once.
	Notify func(host, message string)
}

func (o Options) connectTimeout() time.Duration {
	if o.ConnectTimeout > 0 {
		return o.ConnectTimeout
	}
	return 10 * time.Second
}

func (o Options) keepalive() time.Duration {
	if o.KeepaliveInterval > 0 {
		return o.KeepaliveInterval
	}
	return 15 * time.Second
}

func (o Options) notify(host, message string) {
	if o.Notify != nil {
		o.Notify(host, message)
	}
}

// hop is one login, fully resolved.
type hop struct {
	name           string // as the Target or the ProxyJump calls it
	host           string // what to connect to
	alias          string // HostKeyAlias
	port           uint16
	user           string
	identities     []string // files that somebody named: offered first
	usual          []string // files of the usual places, offered after the agent's keys; none when there are identities
	identitiesOnly bool     // nothing but identities
	agent          string   // socket, empty: none
	knownHosts     []string
}

func (h hop) addr() string { return net.JoinHostPort(h.host, strconv.Itoa(int(h.port))) }

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?$`)

// checkHost refuses everything that ssh(1) or a resolver could take for something else than a host.
func checkHost(host string) error {
	if _, err := netip.ParseAddr(host); err == nil && !strings.ContainsAny(host, "/ ") {
		return nil
	}
	if len(host) > 253 || !hostName.MatchString(host) {
		return fmt.Errorf("%w: %q is neither a host name nor an IP address", ErrTarget, host)
	}
	return nil
}

func checkUser(name string) error {
	if strings.HasPrefix(name, "-") || strings.ContainsAny(name, "'`\";&<>|(){} \t") || Clean(name) != name || strings.Contains(name, "\n") {
		return fmt.Errorf("%w: %q is not a user name", ErrTarget, name)
	}
	return nil
}

// parseJump reads [user@]host[:port] or ssh://[user@]host[:port].
func parseJump(s string) (Target, error) {
	t := Target{Host: strings.TrimSuffix(strings.TrimPrefix(s, "ssh://"), "/"), Name: s}
	if i := strings.LastIndexByte(t.Host, '@'); i >= 0 {
		t.User, t.Host = t.Host[:i], t.Host[i+1:]
		if t.User == "" {
			return t, fmt.Errorf("%w: jump host %q has an empty user", ErrTarget, s)
		}
	}
	if host, port, err := net.SplitHostPort(t.Host); err == nil {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return t, fmt.Errorf("%w: jump host %q has no port between 1 and 65535", ErrTarget, s)
		}
		t.Host, t.Port = host, uint16(n)
	}
	t.Host = strings.TrimSuffix(strings.TrimPrefix(t.Host, "["), "]")
	return t, nil
}

func currentUser() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return os.Getenv("USER")
}

func expandHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		return filepath.Join(homeDir(), rest)
	}
	return path
}

func homeDir() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return "/"
	}
	return home
}
