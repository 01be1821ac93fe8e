package remote_test

import (
	"strings"
	"testing"
)

// keyCases are about which key is used.
var keyCases = []likeCase{
	{keyword: "IdentityFile", name: "default files", in: true, all: true, prepare: func(_ *testing.T, c *client) {
		c.private("id_ed25519", "a")
		c.private("id_rsa", "rsa")
		c.lets("a", "rsa")
	}},
	{keyword: "IdentityFile", name: "tokens of host and user", in: true, prepare: func(_ *testing.T, c *client) {
		c.usual("IdentityFile ~/.ssh/k_%h_%r_%n_%p_%u_%%\n")
		c.private("k_127.0.0.1_pi_node_2201_pi_%", "a")
	}},
	{keyword: "IdentityFile", name: "home token", in: true, prepare: func(_ *testing.T, c *client) {
		c.usual("IdentityFile %d/.ssh/k_%r\n")
		c.private("k_pi", "a")
	}},
	{keyword: "IdentityFile", name: "environment", in: true, prepare: func(t *testing.T, c *client) {
		t.Setenv("KEYS", c.home+"/.ssh")
		c.usual("IdentityFile ${KEYS}/key\n")
		c.private("key", "a")
	}},
	{keyword: "IdentityFile", name: "environment that is not there", prepare: func(_ *testing.T, c *client) {
		c.usual("IdentityFile ${NOT_THERE}/key\n")
		c.private("id_ed25519", "a")
	}},
	{keyword: "IdentityFile", name: "hash of the connection", in: true, prepare: func(_ *testing.T, c *client) {
		c.usual("IdentityFile ~/.ssh/%C/%k\n")
		out := c.shell("ssh -G -o ControlPath=%C node | sed -n 's/^controlpath //p'")
		c.private(strings.TrimSpace(out)+"/node", "a")
	}},
	{keyword: "IdentityFile", name: "home of somebody", in: true, prepare: func(_ *testing.T, c *client) {
		c.usual("IdentityFile ~pi/.ssh/key\n")
		c.private("key", "a")
	}},
	{keyword: "IdentityFile", name: "with a space and quotes", in: true, prepare: func(_ *testing.T, c *client) {
		c.usual("IdentityFile \"~/.ssh/my %h/the \\\"key\\\"\"\n")
		c.private("my 127.0.0.1/the \"key\"", "a")
	}},
	{keyword: "IdentityFile", name: "none", prepare: func(_ *testing.T, c *client) {
		c.usual("IdentityFile none\n")
		c.private("id_ed25519", "a")
	}},
	{keyword: "IdentityFile", name: "none, and the agent", in: true, prepare: func(t *testing.T, c *client) {
		c.usual("IdentityFile none\n")
		c.agent(t, "a")
	}},
	{keyword: "IdentityFile", name: "others may read it", prepare: func(_ *testing.T, c *client) {
		c.private("id_ed25519", "a", 0o644)
	}},
	{keyword: "IdentityFile", name: "the group may read it", prepare: func(_ *testing.T, c *client) {
		c.private("id_ed25519", "a", 0o640)
	}},
	{keyword: "IdentityFile", name: "others may read it, and the agent has it", in: true, prepare: func(t *testing.T, c *client) {
		c.usual("IdentityFile ~/.ssh/key\nIdentitiesOnly yes\n")
		c.private("key", "a", 0o644)
		c.agent(t, "a")
	}},
	{keyword: "IdentityFile", name: "public key selects the agent's", in: true, all: true, prepare: func(t *testing.T, c *client) {
		c.usual("IdentityFile ~/.ssh/key.pub\n")
		c.put("key.pub", c.public("a"))
		c.agent(t, "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "a")
	}},
	{keyword: "IdentityFile", name: "public key beside a private one that is not there", in: true, all: true, prepare: func(t *testing.T, c *client) {
		c.usual("IdentityFile ~/.ssh/key\n")
		c.put("key.pub", c.public("a"))
		c.agent(t, "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "a")
	}},
	{keyword: "IdentityFile", name: "public key that the agent does not have", prepare: func(t *testing.T, c *client) {
		c.usual("IdentityFile ~/.ssh/key.pub\nIdentitiesOnly yes\n")
		c.private("key", "a")
		c.put("key.pub", c.public("a"))
		c.agent(t, "b")
	}},
	{keyword: "IdentityFile", name: "private key in the agent, too", in: true, all: true, prepare: func(t *testing.T, c *client) {
		c.usual("IdentityFile ~/.ssh/key\n")
		c.private("key", "a")
		c.agent(t, "b", "a")
	}},

	{keyword: "IdentitiesOnly", name: "eleven keys in the agent, public key named", in: true, all: true, prepare: func(t *testing.T, c *client) {
		c.usual("IdentityFile ~/.ssh/key.pub\nIdentitiesOnly yes\n")
		c.put("key.pub", c.public("a"))
		c.agent(t, "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "a")
	}},
	{keyword: "IdentitiesOnly", name: "two named, of many", in: true, all: true, prepare: func(t *testing.T, c *client) {
		c.usual("IdentityFile ~/.ssh/b.pub\nIdentityFile ~/.ssh/a\nIdentitiesOnly yes\n")
		c.put("b.pub", c.public("b"))
		c.put("a.pub", c.public("a"))
		c.agent(t, "c", "d", "e", "f", "g", "h", "b", "i", "j", "k", "a")
	}},
	{keyword: "IdentitiesOnly", name: "nothing named: default files alone", in: true, all: true, prepare: func(t *testing.T, c *client) {
		c.usual("IdentitiesOnly yes\n")
		c.put("id_ed25519.pub", c.public("a"))
		c.agent(t, "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "a")
	}},
	{keyword: "IdentitiesOnly", name: "nothing named, and nothing there", all: true, prepare: func(t *testing.T, c *client) {
		c.usual("IdentitiesOnly yes\n")
		c.agent(t, "a")
	}},
	{keyword: "IdentitiesOnly", name: "no: the agent's keys", in: true, all: true, prepare: func(t *testing.T, c *client) {
		c.agent(t, "b", "a")
		c.private("id_ed25519", "c")
	}},

	{keyword: "IdentityAgent", name: "none", prepare: func(t *testing.T, c *client) {
		c.agent(t, "a")
		c.usual("IdentityAgent none\n")
	}},
	{keyword: "IdentityAgent", name: "variable", in: true, prepare: func(t *testing.T, c *client) {
		t.Setenv("OTHER", startAgent(t, c.keys["a"]))
		c.usual("IdentityAgent $OTHER\n")
	}},
	{keyword: "IdentityAgent", name: "path with a token", in: true, prepare: func(t *testing.T, c *client) {
		socket := startAgent(t, c.keys["a"])
		c.usual("IdentityAgent ~/.ssh/%r.sock\n")
		c.shell("ln -s " + socket + " ~/.ssh/pi.sock")
	}},

	{keyword: "CertificateFile", name: "in another folder", in: true, all: true, prepare: func(_ *testing.T, c *client) {
		c.usual("IdentityFile ~/.ssh/key\nCertificateFile ~/.ssh/certs/%r-cert.pub\n")
		c.private("key", "b")
		c.cert("certs/pi-cert.pub", "b")
	}},
	{keyword: "CertificateFile", name: "beside the key, not listed", in: true, all: true, prepare: func(_ *testing.T, c *client) {
		c.private("id_ed25519", "b")
		c.cert("id_ed25519-cert.pub", "b")
	}},
	{keyword: "CertificateFile", name: "one is listed, so that the one beside does not count", prepare: func(_ *testing.T, c *client) {
		c.usual("IdentityFile ~/.ssh/key\nCertificateFile ~/.ssh/other-cert.pub\n")
		c.private("key", "b")
		c.cert("key-cert.pub", "b")
		c.cert("other-cert.pub", "c")
	}},
	{keyword: "CertificateFile", name: "its key is in the agent", in: true, prepare: func(t *testing.T, c *client) {
		c.usual("CertificateFile ~/.ssh/pi-cert.pub\n")
		c.cert("pi-cert.pub", "b")
		c.agent(t, "b")
	}},
	{keyword: "CertificateFile", name: "nobody has its key", prepare: func(_ *testing.T, c *client) {
		c.usual("CertificateFile ~/.ssh/pi-cert.pub\n")
		c.cert("pi-cert.pub", "b")
		c.private("id_ed25519", "c")
	}},

	{keyword: "PubkeyAcceptedAlgorithms", name: "leaves the key out", prepare: func(_ *testing.T, c *client) {
		c.usual("PubkeyAcceptedAlgorithms rsa-sha2-512\n")
		c.private("id_ed25519", "a")
	}},
	{keyword: "PubkeyAcceptedAlgorithms", name: "leaves one of two", in: true, all: true, prepare: func(_ *testing.T, c *client) {
		c.usual("PubkeyAcceptedAlgorithms -ssh-ed25519\n")
		c.private("id_ed25519", "a")
		c.private("id_rsa", "rsa")
		c.lets("a", "rsa")
	}},
	{keyword: "PubkeyAcceptedAlgorithms", name: "leaves one way to sign", in: true, prepare: func(_ *testing.T, c *client) {
		c.usual("PubkeyAcceptedAlgorithms rsa-sha2-256\n")
		c.private("id_rsa", "rsa")
		c.lets("rsa")
	}},
	{keyword: "PubkeyAcceptedAlgorithms", name: "leaves the agent's key out", prepare: func(t *testing.T, c *client) {
		c.usual("PubkeyAcceptedAlgorithms rsa-sha2-256\n")
		c.agent(t, "a")
	}},

	{keyword: "RequiredRSASize", name: "leaves the key out", prepare: func(_ *testing.T, c *client) {
		c.usual("RequiredRSASize 3000\n")
		c.private("id_rsa", "small")
		c.lets("small")
	}},
	{keyword: "RequiredRSASize", name: "fits", in: true, prepare: func(_ *testing.T, c *client) {
		c.usual("RequiredRSASize 3000\n")
		c.private("id_rsa", "rsa")
		c.lets("rsa")
	}},

	{keyword: "BatchMode", name: "encrypted key", prepare: func(_ *testing.T, c *client) {
		c.usual("BatchMode yes\n")
		c.encrypted("id_ed25519", "a")
	}},
	{keyword: "User", name: "another", prepare: func(_ *testing.T, c *client) {
		c.usual("User somebody\n")
		c.private("id_ed25519", "a")
	}},
}
