package sshconfig

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

// Source is where Resolve looks for what a Target leaves open.
type Source struct {
	KnownHosts []string // files that win over those of ssh_config; none: what ssh_config says, else the usual ones
	Asked      bool     // ask `ssh -G`, where a configuration file exists
	File       string   // instead of ~/.ssh/config and /etc/ssh/ssh_config; implies Asked
}
