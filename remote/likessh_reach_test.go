package remote_test

import (
	"context"
	"encoding/pem"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// forwarder is a ProxyCommand that needs nothing else than ssh.
const forwarder = "ssh -F none -o UserKnownHostsFile=~/.ssh/known_hosts -o StrictHostKeyChecking=yes -i ~/.ssh/id_ed25519 -p 2202 -W %h:%p 127.0.0.1"

// reachCases are about how a host is reached. The node lets key a in, and is known.
var reachCases = []likeCase{
	{keyword: "Hostname", name: "token", host: "127.0.0", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("Hostname %h.1\n")
	}},
	{keyword: "Port", name: "nothing listens", prepare: func(_ *testing.T, c *client) { c.trusting("Port 2203\n") }},
	{keyword: "Host", name: "patterns", host: "n1.x", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("Host n*.x !n2.x\n Port 2201\nHost *\n Port 2203\n")
	}},
	{keyword: "Match", name: "exec, final, originalhost", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("Match originalhost node exec \"true\"\n Port 2201\nMatch final all\n Port 2203\n")
	}},
	{keyword: "Include", name: "relative, with a pattern", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("Port 2201\nInclude conf.d/*\n")
		c.put("conf.d/1", "IdentityFile ~/.ssh/other\n")
		c.private("other", "a")
	}},
	{keyword: "IgnoreUnknown", name: "keyword of tomorrow", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("IgnoreUnknown Tomorrow\nTomorrow yes\n")
	}},
	{keyword: "CanonicalizeHostname", name: "domain is added", host: "node-1", in: true, prepare: func(_ *testing.T, c *client) {
		c.put("config", "CanonicalizeHostname yes\nCanonicalDomains lan\nPort 2201\nStrictHostKeyChecking yes\n")
		c.put("known_hosts", "[node-1.lan]:2201 "+c.host["ed25519"]+"\n")
		c.private("id_ed25519", "a")
	}},
	{keyword: "CanonicalDomains", name: "of two, one has the host", host: "node-1", in: true, prepare: func(_ *testing.T, c *client) {
		c.put("config", "CanonicalizeHostname yes\nCanonicalDomains wan lan\nMatch canonical host node-1.lan\n Port 2201\n")
		c.put("known_hosts", "[node-1.lan]:2201 "+c.host["ed25519"]+"\n")
		c.private("id_ed25519", "a")
	}},
	{keyword: "CanonicalizeMaxDots", name: "too many dots", host: "node-1.x", prepare: func(_ *testing.T, c *client) {
		c.put("config", "CanonicalizeHostname yes\nCanonicalDomains lan\nCanonicalizeMaxDots 0\nPort 2201\n")
		c.private("id_ed25519", "a")
	}},
	{keyword: "CanonicalizePermittedCNAMEs", name: "domain is added", host: "node-1", in: true, prepare: func(_ *testing.T, c *client) {
		c.put("config", "CanonicalizeHostname yes\nCanonicalDomains lan\nCanonicalizePermittedCNAMEs *.lan:*.lan\nPort 2201\n")
		c.put("known_hosts", "[node-1.lan]:2201 "+c.host["ed25519"]+"\n")
		c.private("id_ed25519", "a")
	}},
	{keyword: "CanonicalizeFallbackLocal", name: "no", host: "nowhere", prepare: func(_ *testing.T, c *client) {
		c.put("config", "CanonicalizeHostname yes\nCanonicalDomains lan\nCanonicalizeFallbackLocal no\nPort 2201\n")
		c.private("id_ed25519", "a")
	}},
	{keyword: "AddressFamily", name: "inet6", host: "six.lan", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("Hostname six.lan\nAddressFamily inet6\n")
		c.put("known_hosts", "[six.lan]:2201 "+c.host["ed25519"]+"\n")
	}},
	{keyword: "AddressFamily", name: "inet, which the host does not have", host: "six.lan", prepare: func(_ *testing.T, c *client) {
		c.trusting("Hostname six.lan\nAddressFamily inet\n")
		c.put("known_hosts", "[six.lan]:2201 "+c.host["ed25519"]+"\n")
	}},
	{keyword: "BindAddress", name: "of this machine", in: true, all: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("HostName 10.9.9.1\nBindAddress 127.0.0.3\n")
	}},
	{keyword: "BindAddress", name: "of another machine", prepare: func(_ *testing.T, c *client) {
		c.trusting("BindAddress 10.1.1.1\n")
	}},
	{keyword: "KexAlgorithms", name: "one that the host has not", prepare: func(_ *testing.T, c *client) {
		c.trusting("KexAlgorithms diffie-hellman-group14-sha1\n")
	}},
	{keyword: "KexAlgorithms", name: "old one that the library has", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("KexAlgorithms diffie-hellman-group14-sha256\n")
	}},
	{keyword: "Ciphers", name: "one that the host has not", prepare: func(_ *testing.T, c *client) {
		c.trusting("Ciphers aes128-cbc\n")
	}},
	{keyword: "Ciphers", name: "one", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("Ciphers aes256-ctr\nMACs hmac-sha2-512-etm@openssh.com\n")
	}},
	{keyword: "MACs", name: "one that the host has not", prepare: func(_ *testing.T, c *client) {
		c.trusting("Ciphers aes256-ctr\nMACs hmac-sha1-96\n")
	}},
	{keyword: "ProxyJump", name: "with tokens of user and host", in: true, all: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("Host node\n ProxyJump %r@bastion\nHost bastion\n Port 2202\n")
	}},
	{keyword: "ProxyJump", name: "bastion has a ProxyCommand", in: true, all: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("Host node\n ProxyJump bastion\nHost bastion\n ProxyCommand " + forwarder + "\n Port 2202\n")
	}},
	{keyword: "ProxyJump", name: "none, before a ProxyCommand", in: true, all: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("ProxyJump none\nProxyCommand false\n")
	}},
	{keyword: "ProxyCommand", name: "ssh -W", in: true, all: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("ProxyCommand " + forwarder + "\n")
	}},
	{keyword: "ProxyCommand", name: "in a pipe, with %%, %n and %r", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("ProxyCommand sh -c '[ %n.%r.%% = node.pi.%% ] && exec " + forwarder + "'\n")
	}},
	{keyword: "ProxyCommand", name: "the host's name is not resolved here", host: "inside.example", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("HostName inside.example\nProxyCommand ssh -F none -o UserKnownHostsFile=~/.ssh/known_hosts -p 2202 -W 127.0.0.1:%p 127.0.0.1\n")
		c.put("known_hosts", "[inside.example]:2201,[127.0.0.1]:2202 "+c.host["ed25519"]+"\n")
	}},
	{keyword: "ProxyCommand", name: "fails", prepare: func(_ *testing.T, c *client) {
		c.trusting("ProxyCommand echo no way; exit 1\n")
	}},
	{keyword: "ProxyCommand", name: "token without a meaning", prepare: func(_ *testing.T, c *client) {
		c.trusting("ProxyCommand nc %z\n")
	}},
	{keyword: "ProxyCommand", name: "none", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("ProxyCommand none\nProxyCommand false\n")
	}},
}

// trusting is the usual configuration with key a in its file.
func (c *client) trusting(config string) {
	c.t.Helper()
	c.usual(config)
	c.private("id_ed25519", "a")
}

// shell runs a command at home.
func (c *client) shell(command string) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "sh", "-c", command).Output()
	if err != nil {
		c.t.Fatalf("%s: %v", command, err)
	}
	return string(out)
}

// encrypted writes a key that wants a passphrase.
func (c *client) encrypted(file, name string) {
	c.t.Helper()
	block, err := ssh.MarshalPrivateKeyWithPassphrase(c.keys[name], "", []byte("word"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.put(file, string(pem.EncodeToMemory(block)))
}
