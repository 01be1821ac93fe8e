package inventory

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/kplb/kplb/source"
)

// Every text that reaches a template, a path or a command line is one of these.
var (
	dnsLabel       = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	interfaceChars = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9._-]*$`)
	userChars      = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9._-]{0,31}$`)
	hostChars      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	variableChars  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// label parses RFC 1123 labels.
func label(s source.Scalar) (string, *source.Fault) {
	if f := source.Literal(s); f != nil {
		return "", f
	}
	const rule = "write at most 63 lower-case letters, digits and -, beginning and ending with a letter or digit"
	if !dnsLabel.MatchString(s.Text) {
		return "", source.Refuse("is not an RFC 1123 label", lowered(s.Text, dnsLabel.MatchString, rule))
	}
	return s.Text, nil
}

// subdomain parses RFC 1123 subdomains, as Kubernetes names nodes.
func subdomain(s source.Scalar) (string, *source.Fault) {
	if f := source.Literal(s); f != nil {
		return "", f
	}
	const rule = "write lower-case letters, digits, - and dots, as kubectl get nodes shows it"
	if !isSubdomain(s.Text) {
		return "", source.Refuse("is not an RFC 1123 subdomain", lowered(s.Text, isSubdomain, rule))
	}
	return s.Text, nil
}

func isSubdomain(s string) bool {
	if len(s) > 253 {
		return false
	}
	for part := range strings.SplitSeq(s, ".") {
		if !dnsLabel.MatchString(part) {
			return false
		}
	}
	return true
}

// dnsName parses the name of a host that clients look up.
func dnsName(s source.Scalar) (string, *source.Fault) {
	if f := source.Literal(s); f != nil {
		return "", f
	}
	if !isSubdomain(s.Text) || !isHostName(s.Text) {
		return "", source.Refuse("is not a DNS name", "write one like api.home.arpa, or leave it out: clients use the VIP then")
	}
	return s.Text, nil
}

// lowered proposes s in lower case where that is all it takes.
func lowered(s string, valid func(string) bool, rule string) string {
	if low := strings.ToLower(s); low != s && valid(low) {
		return "write " + low
	}
	return rule
}

// interfaceName parses names that Linux gives to network interfaces.
func interfaceName(s source.Scalar) (string, *source.Fault) {
	if f := source.Literal(s); f != nil {
		return "", f
	}
	const rule = "write the name that ip -brief link shows, up to an @"
	switch {
	case len(s.Text) > 15:
		return "", source.Refuse("has more than 15 characters", rule)
	case !interfaceChars.MatchString(s.Text), s.Text == ".", s.Text == "..":
		return "", source.Refuse("is not the name of a network interface", rule)
	case s.Text == "lo", s.Text == "all", s.Text == "default":
		// all and default are directories beside the interfaces in /proc/sys/net.
		return "", source.Refuse("is no interface that reaches other nodes", rule)
	}
	return s.Text, nil
}

// userName parses login names.
func userName(s source.Scalar) (string, *source.Fault) {
	if f := source.Literal(s); f != nil {
		return "", f
	}
	if !userChars.MatchString(s.Text) {
		return "", source.Refuse("is not a login name", "write up to 32 letters, digits, ., _ and -, beginning with a letter or _")
	}
	return s.Text, nil
}

// variable parses names of environment variables.
func variable(s source.Scalar) (string, *source.Fault) {
	if f := source.Literal(s); f != nil {
		return "", f
	}
	if !variableChars.MatchString(s.Text) || len(s.Text) > 255 {
		return "", source.Refuse("is not the name of an environment variable", "write letters, digits and _, like KPLB_AUTH_PASS")
	}
	return s.Text, nil
}

// operatorPath parses paths of files on the operator's machine.
func operatorPath(s source.Scalar) (string, *source.Fault) {
	if f := source.Literal(s); f != nil {
		return "", f
	}
	const rule = "write a path that begins with / or ~/"
	switch {
	case !strings.HasPrefix(s.Text, "/") && !strings.HasPrefix(s.Text, "~/"):
		return "", source.Refuse("is neither absolute nor below the home directory", rule)
	case len(s.Text) > 4095:
		return "", source.Refuse("is longer than a path can be", rule)
	case strings.HasSuffix(s.Text, "/"):
		return "", source.Refuse("is a directory", "write the path of a file")
	case strings.ContainsFunc(s.Text, notInPath):
		return "", source.Refuse("has a character that kplb takes in no path", "use letters, digits and any of /._-+=,:@~")
	}
	return s.Text, nil
}

func notInPath(r rune) bool {
	return !unicode.In(r, unicode.Letter, unicode.Digit, unicode.Mark) && !strings.ContainsRune("/._-+=,:@~", r)
}

// argument parses one word of a command that is run without a shell.
func argument(s source.Scalar) (string, *source.Fault) {
	if f := source.Literal(s); f != nil {
		return "", f
	}
	if len(s.Text) > 4095 || strings.ContainsFunc(s.Text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", source.Refuse("has a character that cannot be seen, or is very long", "write a command on one line, or put it into a script")
	}
	return s.Text, nil
}
