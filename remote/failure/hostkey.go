package failure

import "golang.org/x/crypto/ssh"

// KeyState is what the known_hosts files say about a host's key.
type KeyState int

// The verdicts on a key. Only KeyKnown lets a connection go on.
const (
	KeyUnknown KeyState = iota
	KeyKnown
	KeyChanged
	KeyRevoked
)

func (s KeyState) String() string {
	return [...]string{"unknown", "known", "changed", "revoked"}[s]
}

// KnownEntry is a line of a known_hosts file.
type KnownEntry struct {
	File        string
	Line        int
	Type        string
	Fingerprint string
}

// HostKey is a key that a host showed, and what is known about it.
type HostKey struct {
	Host        string // as it is written to known_hosts, before hashing: host or [host]:port
	Type        string
	Fingerprint string // SHA256:…
	State       KeyState
	Entries     []KnownEntry // the lines that decided: the matching one, the differing ones, or the @revoked one
	File        string       // where Trust should record it; empty: ssh_config names no file of the user's

	Public ssh.PublicKey `json:"-"` // the key itself
}
