package sshconfig

import (
	"net"
	"slices"
	"strconv"
)

// The methods besides keys that ssh_config may withhold, as RFC 4252 and 4256 name them.
const (
	MethodPassword = "password"
	MethodQuestion = "keyboard-interactive"
)

// Hop is one login, fully resolved.
type Hop struct {
	Name    string // as the Target or the ProxyJump calls it
	Written string // the host, as it was asked for
	Host    string // what to connect to
	Port    uint16
	User    string

	Proxy  string // the command whose streams are the connection; empty: none
	Family string // inet or inet6; else both
	Bind   string // the address to connect from

	Identities     []string // files that somebody named
	Usual          []string // files of the usual places; none when there are identities
	IdentitiesRead bool     // from ssh_config, even if there are none
	IdentitiesOnly bool     // nothing of the agent's but these
	Certificates   []string
	Agent          string   // socket, empty: none
	Batch          bool     // ask nobody for a passphrase, nor for anything else
	Withheld       []string // methods besides keys that ssh_config switches off
	Prompts        int      // how often a person may answer wrongly; 0: as ssh has it

	Alias          string // HostKeyAlias
	KnownHosts     []string
	KnownHostsRead bool     // from ssh_config, even if there are none
	RecordIn       string   // the file for new keys, empty: none
	Revoked        []string // RevokedHostKeys
	CheckIP        bool     // the address has to have the same key
	MinRSA         int      // bits

	Algorithms Algorithms
}

// Addr is the host:port to connect to.
func (h Hop) Addr() string { return net.JoinHostPort(h.Host, strconv.Itoa(int(h.Port))) }

// May says whether a person may be asked by a method.
func (h Hop) May(method string) bool { return !slices.Contains(h.Withheld, method) }

// Attempts is how often a person may answer, NumberOfPasswordPrompts or 3.
func (h Hop) Attempts() int {
	if h.Prompts > 0 {
		return h.Prompts
	}
	return 3
}
