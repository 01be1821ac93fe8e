package remote_test

import (
	"strings"
	"testing"
)

// trustCases are about which host keys are trusted. The node lets key a in.
var trustCases = []likeCase{
	{keyword: "UserKnownHostsFile", name: "with a space", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("UserKnownHostsFile \"~/.ssh/with space/kh\"\n")
		c.known("with space/kh", "[127.0.0.1]:2201", "ed25519")
	}},
	{keyword: "UserKnownHostsFile", name: "two, one with a space", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("UserKnownHostsFile ~/.ssh/none \"~/.ssh/with more space/kh 2\"\n")
		c.known("with more space/kh 2", "[127.0.0.1]:2201", "ed25519")
	}},
	{keyword: "UserKnownHostsFile", name: "tokens", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("UserKnownHostsFile %d/.ssh/kh_%h ~/.ssh/kh_%n\n")
		c.known("kh_node", "[127.0.0.1]:2201", "ed25519")
	}},
	{keyword: "UserKnownHostsFile", name: "/dev/null", prepare: func(_ *testing.T, c *client) {
		c.trusting("UserKnownHostsFile /dev/null\n")
	}},
	{keyword: "UserKnownHostsFile", name: "none", prepare: func(_ *testing.T, c *client) {
		c.trusting("UserKnownHostsFile none\nGlobalKnownHostsFile none\n")
	}},
	{keyword: "UserKnownHostsFile", name: "another, so that the usual one does not count", prepare: func(_ *testing.T, c *client) {
		c.trusting("UserKnownHostsFile ~/.ssh/kh2\n")
	}},

	{keyword: "GlobalKnownHostsFile", name: "two", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("UserKnownHostsFile none\nGlobalKnownHostsFile /nonexistent \"" + c.home + "/.ssh/for all\"\n")
		c.known("for all", "[127.0.0.1]:2201", "ed25519")
	}},
	{keyword: "GlobalKnownHostsFile", name: "with ~", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("UserKnownHostsFile none\nGlobalKnownHostsFile ~/.ssh/known_hosts\n")
	}},

	{keyword: "RevokedHostKeys", name: "list with the key", prepare: func(_ *testing.T, c *client) {
		c.trusting("RevokedHostKeys " + c.home + "/.ssh/revoked\n")
		c.put("revoked", "# gone\n"+c.host["ed25519"]+"\n")
	}},
	{keyword: "RevokedHostKeys", name: "list with another key", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("RevokedHostKeys " + c.home + "/.ssh/revoked\n")
		c.put("revoked", c.host["rsa"]+"\n")
	}},
	{keyword: "RevokedHostKeys", name: "KRL with the key", prepare: func(_ *testing.T, c *client) {
		c.trusting("RevokedHostKeys " + c.home + "/.ssh/revoked\n")
		c.put("gone.pub", c.host["ed25519"]+"\n")
		c.keygen("-q", "-k", "-f", c.home+"/.ssh/revoked", c.home+"/.ssh/gone.pub")
	}},
	{keyword: "RevokedHostKeys", name: "KRL with a hash of the key", prepare: func(_ *testing.T, c *client) {
		c.trusting("RevokedHostKeys " + c.home + "/.ssh/revoked\n")
		c.put("gone", "sha256: "+strings.Join(strings.Fields(c.host["ed25519"])[:2], " ")+"\n")
		c.keygen("-q", "-k", "-f", c.home+"/.ssh/revoked", c.home+"/.ssh/gone")
	}},
	{keyword: "RevokedHostKeys", name: "KRL with another key", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("RevokedHostKeys " + c.home + "/.ssh/revoked\n")
		c.put("gone.pub", c.host["rsa"]+"\n")
		c.keygen("-q", "-k", "-f", c.home+"/.ssh/revoked", c.home+"/.ssh/gone.pub")
	}},
	{keyword: "RevokedHostKeys", name: "KRL that is cut short", prepare: func(_ *testing.T, c *client) {
		c.trusting("RevokedHostKeys " + c.home + "/.ssh/revoked\n")
		c.put("revoked", "SSHKRL\n\x00\x00\x00\x00\x01")
	}},
	{keyword: "RevokedHostKeys", name: "is not there", prepare: func(_ *testing.T, c *client) {
		c.trusting("RevokedHostKeys " + c.home + "/.ssh/revoked\n")
	}},
	{keyword: "RevokedHostKeys", name: "with a space", prepare: func(_ *testing.T, c *client) {
		c.trusting("RevokedHostKeys \"" + c.home + "/.ssh/keys that are/revoked\"\n")
		c.put("keys that are/revoked", c.host["ed25519"]+"\n")
	}},

	{keyword: "RevokedHostKeys", name: "with ~ and no such file", prepare: func(_ *testing.T, c *client) {
		c.trusting("RevokedHostKeys ~/.ssh/revoked\n") // a file of this name before OpenSSH 9.9
	}},

	{keyword: "HostKeyAlias", name: "recorded under it", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("HostKeyAlias the-node\n")
		c.known("known_hosts", "the-node", "ed25519")
	}},
	{keyword: "HostKeyAlias", name: "recorded under the address only", prepare: func(_ *testing.T, c *client) {
		c.trusting("HostKeyAlias the-node\n")
	}},

	{keyword: "HostKeyAlgorithms", name: "leaves the one that is not recorded", prepare: func(_ *testing.T, c *client) {
		c.trusting("HostKeyAlgorithms rsa-sha2-512\n")
		c.known("known_hosts", "[127.0.0.1]:2201", "ed25519")
	}},
	{keyword: "HostKeyAlgorithms", name: "leaves the one that is recorded", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("HostKeyAlgorithms -ssh-ed25519*\n")
		c.known("known_hosts", "[127.0.0.1]:2201", "rsa")
	}},
	{keyword: "HostKeyAlgorithms", name: "revoked key is not shown", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("HostKeyAlgorithms rsa-sha2-256\nRevokedHostKeys " + c.home + "/.ssh/revoked\n")
		c.put("revoked", c.host["ed25519"]+"\n")
	}},

	{keyword: "CheckHostIP", name: "address has another key", host: "node-1.lan", prepare: func(_ *testing.T, c *client) {
		c.trusting("HostName node-1.lan\nCheckHostIP yes\n")
		c.put("known_hosts", "[node-1.lan]:2201 "+c.host["ed25519"]+"\n[10.9.9.1]:2201 "+c.host["rsa"]+"\n")
	}},
	{keyword: "CheckHostIP", name: "address has the same key", host: "node-1.lan", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("HostName node-1.lan\nCheckHostIP yes\n")
		c.put("known_hosts", "[node-1.lan]:2201,[10.9.9.1]:2201 "+c.host["ed25519"]+"\n")
	}},
	{keyword: "CheckHostIP", name: "nothing is known of the address", host: "node-1.lan", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("HostName node-1.lan\nCheckHostIP yes\n")
		c.put("known_hosts", "[node-1.lan]:2201 "+c.host["ed25519"]+"\n")
	}},
	{keyword: "CheckHostIP", name: "no", host: "node-1.lan", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("HostName node-1.lan\n")
		c.put("known_hosts", "[node-1.lan]:2201 "+c.host["ed25519"]+"\n[10.9.9.1]:2201 "+c.host["rsa"]+"\n")
	}},
	{keyword: "CheckHostIP", name: "address of this machine", in: true, host: "localhost", prepare: func(_ *testing.T, c *client) {
		c.trusting("HostName localhost\nCheckHostIP yes\nAddressFamily inet\n")
		c.put("known_hosts", "[localhost]:2201 "+c.host["ed25519"]+"\n[127.0.0.1]:2201 "+c.host["rsa"]+"\n")
	}},

	{keyword: "CASignatureAlgorithms", name: "certificate authority", bastion: true, in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("Port 2202\n")
		c.put("known_hosts", "@cert-authority [127.0.0.1]:2202 "+c.public("ca")+"\n")
	}},
	{keyword: "CASignatureAlgorithms", name: "leaves the authority's out", bastion: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("Port 2202\nCASignatureAlgorithms rsa-sha2-512,ecdsa-sha2-nistp256\n")
		c.put("known_hosts", "@cert-authority [127.0.0.1]:2202 "+c.public("ca")+"\n")
	}},
	{keyword: "CASignatureAlgorithms", name: "has one more", bastion: true, in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("Port 2202\nCASignatureAlgorithms +ssh-rsa\n")
		c.put("known_hosts", "@cert-authority [127.0.0.1]:2202 "+c.public("ca")+"\n")
	}},
	{keyword: "RevokedHostKeys", name: "list with the authority", bastion: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("Port 2202\nRevokedHostKeys " + c.home + "/.ssh/revoked\n")
		c.put("known_hosts", "@cert-authority [127.0.0.1]:2202 "+c.public("ca")+"\n")
		c.put("revoked", c.public("ca")+"\n")
	}},
	{keyword: "RevokedHostKeys", name: "KRL with the certificate's number", bastion: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("Port 2202\nRevokedHostKeys " + c.home + "/.ssh/revoked\n")
		c.put("known_hosts", "@cert-authority [127.0.0.1]:2202 "+c.public("ca")+"\n")
		c.put("ca.pub", c.public("ca")+"\n")
		c.put("gone", "id: bastion\n")
		c.keygen("-q", "-k", "-s", c.home+"/.ssh/ca.pub", "-f", c.home+"/.ssh/revoked", c.home+"/.ssh/gone")
	}},

	{keyword: "RequiredRSASize", name: "longer than the host's key", prepare: func(_ *testing.T, c *client) {
		c.trusting("RequiredRSASize 4096\nHostKeyAlgorithms rsa-sha2-512\n")
	}},
	{keyword: "RequiredRSASize", name: "as long as the host's key", in: true, prepare: func(_ *testing.T, c *client) {
		c.trusting("RequiredRSASize 3072\nHostKeyAlgorithms rsa-sha2-512\n")
	}},
}
