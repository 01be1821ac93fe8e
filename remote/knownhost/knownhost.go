// Package knownhost reads, judges by and writes known_hosts files as OpenSSH does
// (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
//
// The package guarantees that a line which it does not understand spoils no other line, that
// a @revoked line beats every other one, and that a file gets all new keys or none.
package knownhost

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the format of hashed known_hosts entries
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/kplb/kplb/remote/failure"
)

// This is OpenSSH's hostfile.c in little. golang.org/x/crypto/ssh/knownhosts judges differently: one bad line spoils the
// whole file, a CA's own key passes for a host's, @revoked ignores its host patterns, a port-less wildcard matches other ports, and
// a certificate that fails is never looked up as the plain key. TestKnownHostsLikeOpenSSH compares with ssh itself.

type marker int

const (
	plain marker = iota
	authority
	revoked
)

// knownLine is one usable line of a known_hosts file.
type knownLine struct {
	failure.KnownEntry
	marker marker
	hosts  string
	key    ssh.PublicKey
}

// Hosts are the lines of known_hosts files.
type Hosts struct {
	lines      []knownLine
	Unreadable []error // files that exist and cannot be read: like ssh, go on without them, but say so
}

// Read reads files; missing ones are empty.
func Read(files []string) Hosts {
	var k Hosts
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				k.Unreadable = append(k.Unreadable, err)
			}
			continue
		}
		k.Parse(file, data)
	}
	return k
}

// Parse skips lines that it does not understand, as ssh does.
func (k *Hosts) Parse(file string, data []byte) {
	number := 0
	for line := range bytes.Lines(data) {
		number++
		if parsed, ok := parseKnownLine(string(bytes.TrimRight(line, "\r\n"))); ok {
			parsed.File, parsed.Line = file, number
			k.lines = append(k.lines, parsed)
		}
	}
}

func parseKnownLine(line string) (knownLine, bool) {
	var l knownLine
	rest := strings.TrimLeft(line, " \t")
	if rest == "" || rest[0] == '#' {
		return l, false
	}
	var word string
	if rest[0] == '@' {
		word, rest = nextWord(rest)
		switch word {
		case "@cert-authority":
			l.marker = authority
		case "@revoked":
			l.marker = revoked
		default:
			return l, false
		}
	}
	l.hosts, rest = nextWord(rest)
	if strings.HasPrefix(l.hosts, "@") {
		return l, false
	}
	kind, rest := nextWord(rest)
	blob, _ := nextWord(rest)
	data, err := base64.StdEncoding.DecodeString(blob)
	if err != nil {
		return l, false
	}
	key, err := ssh.ParsePublicKey(data)
	if err != nil || key.Type() != kind {
		return l, false
	}
	l.key, l.Type, l.Fingerprint = key, kind, ssh.FingerprintSHA256(key)
	return l, true
}

func nextWord(s string) (word, rest string) {
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimLeft(s[i:], " \t")
}

// matches says whether a line speaks of name, which is written as known_hosts writes it: host, or [host]:port.
func (l knownLine) matches(name string) bool {
	if strings.HasPrefix(l.hosts, "|") {
		return matchHashed(l.hosts, name)
	}
	matched := false
	for pattern := range strings.SplitSeq(strings.ToLower(l.hosts), ",") {
		pattern, negated := strings.CutPrefix(pattern, "!")
		if !matchPattern(pattern, strings.ToLower(name)) {
			continue
		}
		if negated {
			return false
		}
		matched = true
	}
	return matched
}

func matchHashed(hashed, name string) bool {
	parts := strings.Split(hashed, "|")
	if len(parts) != 4 || parts[1] != "1" {
		return false
	}
	salt, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		return false
	}
	return hashHost(salt, name) == hashed
}

func hashHost(salt []byte, name string) string {
	mac := hmac.New(sha1.New, salt)
	mac.Write([]byte(name))
	return fmt.Sprintf("|1|%s|%s", base64.StdEncoding.EncodeToString(salt), base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// matchPattern knows * and ?, and nothing else: brackets are letters. Linear in memory, at worst len(pattern)·len(s) steps.
func matchPattern(pattern, s string) bool {
	star, retry := -1, 0
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, retry = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			retry++
			p, i = star+1, retry
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// State is check_key_in_hostkeys: lines for certificates and lines for keys are two worlds, a @revoked line beats both.
func (k Hosts) State(name string, key ssh.PublicKey) (failure.KeyState, []failure.KnownEntry) {
	wanted, compared := plain, key
	cert, isCert := key.(*ssh.Certificate)
	if isCert {
		wanted, compared = authority, cert.SignatureKey
	}
	state := failure.KeyUnknown
	var entries []failure.KnownEntry
	for _, l := range k.lines {
		if !l.matches(name) {
			continue
		}
		same := SameKey(l.key, compared)
		switch {
		case l.marker == revoked && (same || isCert && SameKey(l.key, cert.Key)):
			return failure.KeyRevoked, []failure.KnownEntry{l.KnownEntry}
		case l.marker != wanted || state == failure.KeyKnown:
		case same:
			state, entries = failure.KeyKnown, append(entries[:0], l.KnownEntry)
		case !isCert:
			state, entries = failure.KeyChanged, append(entries, l.KnownEntry)
		}
	}
	return state, entries
}

// SameKey says whether two keys are the same.
func SameKey(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }
