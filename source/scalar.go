package source

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Fault is why a value is refused, without the name of what it is a value of.
type Fault struct {
	what string // follows the path and the value: "is above 65535"
	hint string
}

// Refuse says why a value is refused, and what to write instead. what follows the path and the
// value: "is above 65535".
func Refuse(what, hint string) *Fault { return &Fault{what, hint} }

// Parser gives a written value its type, or says what is wrong with it.
type Parser[T any] func(s Scalar) (T, *Fault)

// Read is the typed value of s, or otherwise when s is not in the file. A bad
// value is reported, and otherwise stands in for it so that checking goes on.
func Read[T any](c *Collector, s Scalar, parse Parser[T], otherwise T) T {
	if !s.OK {
		return otherwise
	}
	value, f := parse(s)
	if f == nil {
		return value
	}
	switch {
	case s.Hidden:
		c.AddSecret(s.Pos, s.Path+" "+f.what, f.hint)
	default:
		c.Add(s.Pos, s.Path+" "+s.said()+" "+f.what, f.hint)
	}
	return otherwise
}

// said is the value as a message repeats it.
func (s Scalar) said() string {
	if s.Kind == Number && !s.Quoted && len(s.Text) <= 24 {
		return s.Text
	}
	return Quote(s.Text)
}

// Quote makes any text harmless and short: only printable ASCII remains, so
// that a look-alike letter is seen for what it is.
func Quote(s string) string {
	const most = 48
	if len(s) > most {
		return strconv.QuoteToASCII(strings.ToValidUTF8(s[:most], "")) + "…"
	}
	return strconv.QuoteToASCII(s)
}

// Literal refuses a value that YAML takes for something else than a text.
func Literal(s Scalar) *Fault {
	switch {
	case s.Text == "":
		return Refuse("is empty", "write a value")
	case s.Kind == Text:
		return nil
	case s.Hidden:
		return Refuse("is "+s.Kind.String()+" to YAML", "put it in quotes")
	}
	return Refuse("is "+s.Kind.String()+" to YAML", "put it in quotes: "+Quote(s.Text))
}

var decimal = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

// IsDecimal says whether s is a decimal integer, written as people write one.
func IsDecimal(s string) bool { return decimal.MatchString(s) }

// Whole parses decimal integers from low to high.
func Whole(low, high int) Parser[int] {
	hint := fmt.Sprintf("write a whole number from %d to %d", low, high)
	return func(s Scalar) (int, *Fault) {
		switch {
		case s.Quoted && len(s.Text) <= 10 && decimal.MatchString(s.Text):
			return 0, Refuse("is in quotes", "write the number without them: "+s.Text)
		case s.Kind != Number || s.Quoted:
			return 0, Refuse("is not a number", hint)
		case !decimal.MatchString(s.Text):
			return 0, Refuse("is not a plain decimal number", hint)
		}
		n, err := strconv.Atoi(s.Text)
		switch {
		case s.Text[0] == '-' || err == nil && n < low:
			return 0, Refuse(fmt.Sprintf("is below %d", low), hint)
		case err != nil || n > high:
			return 0, Refuse(fmt.Sprintf("is above %d", high), hint)
		}
		return n, nil
	}
}

// PortNumber parses TCP ports.
func PortNumber(s Scalar) (uint16, *Fault) {
	n, f := Whole(1, 65535)(s)
	return uint16(n), f //nolint:gosec // whole has checked the range
}

// OneOf parses words of a list. Those of notYet are known, and refused as such.
func OneOf(allowed, notYet []string) Parser[string] {
	hint := "write " + strings.Join(allowed, " or ")
	return func(s Scalar) (string, *Fault) {
		switch {
		case slices.Contains(allowed, s.Text) && s.Kind == Text:
			return s.Text, nil
		case slices.Contains(notYet, s.Text):
			return "", Refuse("is not supported yet by this version", hint)
		}
		if near := Nearest(s.Text, allowed); near != "" {
			return "", Refuse("is not known", "did you mean "+near+"?")
		}
		return "", Refuse("is not known", hint)
	}
}
