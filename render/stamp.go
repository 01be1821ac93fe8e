package render

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
)

// A stamp is one comment line in every artifact: whose it is, and a checksum
// of the other lines, so that a hand edit shows without anything else to
// compare with.

// stampMark stands in a template's output until the checksum is known.
const stampMark = "# kplb: stamp"

var stampForm = regexp.MustCompile(`(?m)^# kplb: made from cluster "([^"\n]*)" for ([^\s;]+); edit the inventory instead of this file; sum ([0-9a-f]{16})$`)

// StampState is what a file's stamp says of the file.
type StampState string

// The states of a stamp.
const (
	Unstamped StampState = "not made by kplb"
	Intact    StampState = "as kplb wrote it"
	Edited    StampState = "edited by hand since kplb wrote it"
)

// stamp replaces the mark in content, which must hold exactly one.
func stamp(content []byte, cluster, node string) ([]byte, error) {
	mark := []byte(stampMark + "\n")
	if n := bytes.Count(content, mark); n != 1 {
		return nil, fmt.Errorf("has {{ .Stamp }} on %d lines of its own, want exactly 1", n)
	}
	line := fmt.Sprintf("# kplb: made from cluster %q for %s; edit the inventory instead of this file; sum %s\n",
		cluster, node, sum(bytes.Replace(content, mark, nil, 1)))
	return bytes.Replace(content, mark, []byte(line), 1), nil
}

// Stamp reads the stamp of a file found on a node.
func Stamp(content []byte) StampState {
	at := stampForm.FindSubmatchIndex(content)
	if at == nil {
		return Unstamped
	}
	rest := append(append([]byte{}, content[:at[0]]...), bytes.TrimPrefix(content[at[1]:], []byte("\n"))...)
	if sum(rest) != string(content[at[6]:at[7]]) {
		return Edited
	}
	return Intact
}

// restamp computes the checksum anew, for a file whose placeholders have been
// filled.
func restamp(content []byte) []byte {
	at := stampForm.FindSubmatchIndex(content)
	if at == nil {
		return content
	}
	rest := append(append([]byte{}, content[:at[0]]...), content[at[1]+1:]...)
	out := append([]byte{}, content...)
	copy(out[at[6]:at[7]], sum(rest))
	return out
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:8])
}
