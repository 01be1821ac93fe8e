package remote

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Target names one host and how to log in to it. Fields left zero are taken from ssh_config, then from defaults: port
// 22, the user who runs this, the usual identity files.
type Target struct {
	Name          string // how messages call it; default Host
	Host          string // address or ssh_config alias: a host name (RFC 1123, _ too) or an IP address
	Port          uint16
	User          string
	IdentityFiles []string // private keys, or public ones that select the agent's; offered first and in this order; ~/ is the home directory
	ProxyJump     []string // hops, first one first: [user@]host[:port]
}

// Options say how to connect. The zero value is strict and asks nobody.
type Options struct {
	KnownHosts        []string      // files, missing ones are empty; new keys go into the first; default: what ssh_config says, else ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts
	AcceptNew         bool          // record the key of a host of which nothing is known, and tell through Notify; changed and revoked keys are refused all the same
	SSHConfig         bool          // ask `ssh -G`, where a configuration file exists; what the Target says wins, what cannot be done is refused
	SSHConfigFile     string        // instead of ~/.ssh/config and /etc/ssh/ssh_config; implies SSHConfig
	ConnectTimeout    time.Duration // for each hop, until the login is done, prompts not counted; default 10 s
	KeepaliveInterval time.Duration // a connection that leaves a probe unanswered for as long is given up; default 15 s

	// Passphrase decrypts a key file; nil: encrypted keys are skipped. It is asked only when the host would accept the key.
	// Several Dials may call it at once; CachePassphrases makes one out of many.
	Passphrase func(ctx context.Context, keyFile string) ([]byte, error)
	// Answer answers a question that the host asks besides a key (keyboard-interactive, or its password); nil: such a login is refused. It
	// may be called by several Dials at once, and every answer is used once.
	Answer func(ctx context.Context, host, question string) ([]byte, error)
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
	name    string // as the Target or the ProxyJump calls it
	written string // the host, as it was asked for
	host    string // what to connect to
	port    uint16
	user    string

	proxy  string // the command whose streams are the connection; empty: none
	family string // inet or inet6; else both
	bind   string // the address to connect from

	identities     []string // files that somebody named
	usual          []string // files of the usual places; none when there are identities
	identitiesRead bool     // from ssh_config, even if there are none
	identitiesOnly bool     // nothing of the agent's but these
	certificates   []string
	agent          string   // socket, empty: none
	batch          bool     // ask nobody for a passphrase, nor for anything else
	withheld       []string // methods besides keys that ssh_config switches off
	prompts        int      // how often a person may answer wrongly; 0: as ssh has it

	alias          string // HostKeyAlias
	knownHosts     []string
	knownHostsRead bool     // from ssh_config, even if there are none
	recordIn       string   // the file for new keys, empty: none
	revoked        []string // RevokedHostKeys
	checkIP        bool     // the address has to have the same key
	minRSA         int      // bits

	algorithms algorithms
}

func (h hop) addr() string { return net.JoinHostPort(h.host, strconv.Itoa(int(h.port))) }

// may says whether a person may be asked by a method.
func (h hop) may(method string) bool { return !slices.Contains(h.withheld, method) }

func (h hop) attempts() int {
	if h.prompts > 0 {
		return h.prompts
	}
	return 3
}

// login is what ssh is called with to log in as we do.
func (h hop) login() string {
	to := shellWord(h.user + "@" + h.host)
	if h.port != 22 {
		return fmt.Sprintf("-p %d %s", h.port, to)
	}
	return to
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

func expandHomes(paths []string) []string {
	expanded := make([]string, len(paths))
	for i, path := range paths {
		expanded[i] = expandHome(path)
	}
	return expanded
}

func homeDir() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return "/"
	}
	return home
}
