package render

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
)

// A stamp is one comment line in every artifact: whose it is, and a checksum
// of everything but the checksum itself, so that a hand edit shows without
// anything else to compare with.

// stampMark stands in a template's output until the checksum is known.
const stampMark = "# kplb: stamp"

var stampForm = regexp.MustCompile(`(?m)^# kplb: made from cluster "[^"\n]*" for [^\s;]+; edit the inventory instead of this file; sum ([0-9a-f]{16})$`)

// StampState is what a file's stamp says of the file.
type StampState string

// The states of a stamp.
const (
	Unstamped StampState = "not made by kplb"
	Intact    StampState = "as kplb wrote it"
	Edited    StampState = "edited by hand since kplb wrote it"
)

var markForm = regexp.MustCompile(`(?m)^` + stampMark + `\n`)

// stamp replaces the mark in content, which must hold exactly one.
func stamp(content []byte, cluster, node string) ([]byte, error) {
	marks := markForm.FindAllIndex(content, -1)
	if len(marks) != 1 {
		return nil, fmt.Errorf("has {{ .Stamp }} on %d lines of its own, want exactly 1", len(marks))
	}
	line := fmt.Sprintf("# kplb: made from cluster %q for %s; edit the inventory instead of this file; sum %016x\n", cluster, node, 0)
	from, to := marks[0][0], marks[0][1]
	return restamp(slices.Concat(content[:from], []byte(line), content[to:])), nil
}

// Stamp reads the stamp of a file found on a node.
func Stamp(content []byte) StampState {
	from, to, ok := findSum(content)
	switch {
	case !ok:
		return Unstamped
	case sum(content[:from], content[to:]) != string(content[from:to]):
		return Edited
	}
	return Intact
}

// restamp computes the checksum anew, for a file whose placeholders have been
// filled.
func restamp(content []byte) []byte {
	from, to, ok := findSum(content)
	if !ok {
		return content
	}
	out := bytes.Clone(content)
	copy(out[from:to], sum(content[:from], content[to:]))
	return out
}

// findSum finds the checksum of the first stamp.
func findSum(content []byte) (from, to int, ok bool) {
	at := stampForm.FindSubmatchIndex(content)
	if at == nil {
		return 0, 0, false
	}
	return at[2], at[3], true
}

func sum(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = h.Write(p) // never fails
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

var whoseForm = regexp.MustCompile(`(?m)^# kplb: made from cluster "([^"\n]*)" for ([^\s;]+); edit the inventory`)

// StampedFor reads for which cluster and node a file was made, from its stamp. ok is
// false for a file without one.
func StampedFor(content []byte) (cluster, node string, ok bool) {
	m := whoseForm.FindSubmatch(content)
	if m == nil {
		return "", "", false
	}
	return string(m[1]), string(m[2]), true
}
