package inventory

import (
	"slices"
	"strings"
	"unicode"

	"github.com/kplb/kplb/source"
)

// haproxySections begin a section wherever they are the first word of a line,
// whatever stands before it (HAProxy's configuration manual, 2.1).
var haproxySections = []string{
	"backend", "cache", "crt-store", "defaults", "fcgi-app", "frontend", "global", "http-errors", "listen",
	"log-forward", "log-profile", "mailers", "peers", "program", "resolvers", "ring", "traces", "userlist",
}

// haproxyLine parses a line for a section of haproxy.cfg.
func haproxyLine(s source.Scalar) (string, *source.Fault) {
	line, f := oneLine(s)
	switch first, _, _ := strings.Cut(line, " "); {
	case f != nil:
		return "", f
	case slices.Contains(haproxySections, first):
		return "", source.Refuse("begins a section of haproxy.cfg", "override the whole template instead: see kplb templates")
	case strings.HasPrefix(first, "."):
		return "", source.Refuse("is a condition for the lines after it", "override the whole template instead: see kplb templates")
	case strings.HasSuffix(line, `\`):
		return "", source.Refuse("goes on in the next line", "write it on one line")
	}
	return line, nil
}

// keepalivedLine parses a line for a block of keepalived.conf.
func keepalivedLine(s source.Scalar) (string, *source.Fault) {
	line, f := oneLine(s)
	switch first, _, _ := strings.Cut(line, " "); {
	case f != nil:
		return "", f
	case strings.ContainsAny(line, "{}"):
		return "", source.Refuse("opens or closes a block of keepalived.conf", "override the whole template instead: see kplb templates")
	case strings.HasPrefix(first, "include"), strings.HasPrefix(first, "@"), strings.HasPrefix(first, "$"):
		return "", source.Refuse("changes what other lines mean", "override the whole template instead: see kplb templates")
	case strings.HasSuffix(line, `\`):
		return "", source.Refuse("goes on in the next line", "write it on one line")
	}
	return line, nil
}

// oneLine parses text that can be seen, on one line. Words are apart by spaces.
func oneLine(s source.Scalar) (string, *source.Fault) {
	if f := source.Literal(s); f != nil {
		return "", f
	}
	line := strings.TrimSpace(s.Text)
	switch {
	case line == "":
		return "", source.Refuse("is empty", "write a line, or leave it out")
	case strings.ContainsAny(line, "\n\r"):
		return "", source.Refuse("has several lines", "write an item for each")
	case len(line) > 1000, strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "", source.Refuse("has a character that cannot be seen, or is very long", "write at most 1000 letters, digits, signs and spaces")
	}
	return line, nil
}
