package inventory

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// fault is why a value is refused, without the name of what it is a value of.
type fault struct {
	what string // follows the path and the value: "is above 65535"
	hint string
}

// parser gives a written value its type, or says what is wrong with it.
type parser[T any] func(s scalar) (T, *fault)

// read is the typed value of s, or otherwise when s is not in the file. A bad
// value is reported, and otherwise stands in for it so that checking goes on.
func read[T any](c *collector, s scalar, parse parser[T], otherwise T) T {
	if !s.ok {
		return otherwise
	}
	value, f := parse(s)
	if f == nil {
		return value
	}
	switch {
	case s.hidden:
		c.addSecret(s.at, s.path+" "+f.what, f.hint)
	default:
		c.add(s.at, s.path+" "+s.said()+" "+f.what, f.hint)
	}
	return otherwise
}

// said is the value as a message repeats it.
func (s scalar) said() string {
	if s.kind == number && !s.quoted && len(s.text) <= 24 {
		return s.text
	}
	return quote(s.text)
}

// quote makes any text harmless and short: only printable ASCII remains, so
// that a look-alike letter is seen for what it is.
func quote(s string) string {
	const most = 48
	if len(s) > most {
		return strconv.QuoteToASCII(strings.ToValidUTF8(s[:most], "")) + "…"
	}
	return strconv.QuoteToASCII(s)
}

// literal refuses a value that YAML takes for something else than a text.
func literal(s scalar) *fault {
	switch {
	case s.text == "":
		return &fault{"is empty", "write a value"}
	case s.kind == text:
		return nil
	case s.hidden:
		return &fault{"is " + s.kind.String() + " to YAML", "put it in quotes"}
	}
	return &fault{"is " + s.kind.String() + " to YAML", "put it in quotes: " + quote(s.text)}
}

var decimal = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

// whole parses decimal integers from low to high.
func whole(low, high int) parser[int] {
	hint := fmt.Sprintf("write a whole number from %d to %d", low, high)
	return func(s scalar) (int, *fault) {
		switch {
		case s.quoted && len(s.text) <= 10 && decimal.MatchString(s.text):
			return 0, &fault{"is in quotes", "write the number without them: " + s.text}
		case s.kind != number || s.quoted:
			return 0, &fault{"is not a number", hint}
		case !decimal.MatchString(s.text):
			return 0, &fault{"is not a plain decimal number", hint}
		}
		n, err := strconv.Atoi(s.text)
		switch {
		case s.text[0] == '-' || err == nil && n < low:
			return 0, &fault{fmt.Sprintf("is below %d", low), hint}
		case err != nil || n > high:
			return 0, &fault{fmt.Sprintf("is above %d", high), hint}
		}
		return n, nil
	}
}

// portNumber parses TCP ports.
func portNumber(s scalar) (uint16, *fault) {
	n, f := whole(1, 65535)(s)
	return uint16(n), f //nolint:gosec // whole has checked the range
}

// oneOf parses words of a list. Those of notYet are known, and refused as such.
func oneOf(allowed, notYet []string) parser[string] {
	hint := "write " + strings.Join(allowed, " or ")
	return func(s scalar) (string, *fault) {
		switch {
		case slices.Contains(allowed, s.text) && s.kind == text:
			return s.text, nil
		case slices.Contains(notYet, s.text):
			return "", &fault{"is not supported yet by this version", hint}
		}
		if near := nearest(s.text, allowed); near != "" {
			return "", &fault{"is not known", "did you mean " + near + "?"}
		}
		return "", &fault{"is not known", hint}
	}
}
