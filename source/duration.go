package source

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Span parses durations from low to high in whole steps.
func Span(low, high, step time.Duration) Parser[time.Duration] {
	hint := fmt.Sprintf("write a duration from %s to %s", Brief(low), Brief(high))
	return func(s Scalar) (time.Duration, *Fault) {
		if s.Kind == Number && !s.Quoted {
			return 0, Refuse("has no unit", withUnit(s.Text, low, high, hint))
		}
		d, ok := ParseSpan(s.Text)
		switch {
		case !ok:
			return 0, Refuse("is not a duration", hint+", like 500ms, 5s or 1h")
		case d < low:
			return 0, Refuse("is below "+Brief(low), hint)
		case d > high:
			return 0, Refuse("is above "+Brief(high), hint)
		case d%step != 0:
			return 0, Refuse("is not a multiple of "+Brief(step), "write "+Brief(d.Round(step))+", say")
		}
		return d, nil
	}
}

// withUnit proposes the number with the units that put it in range.
func withUnit(number string, low, high time.Duration, otherwise string) string {
	var fits []string
	units := []string{"ms", "s", "m", "h"}
	if !decimal.MatchString(number) {
		units = []string{"s"} // 0.25, as keepalived.conf has it
	}
	for _, unit := range units {
		if d, ok := ParseSpan(number + unit); ok && d >= low && d <= high {
			fits = append(fits, number+unit)
		}
	}
	if len(fits) == 0 {
		return otherwise
	}
	return "write " + strings.Join(fits, " or ")
}

var goDuration = regexp.MustCompile(`^([0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h))+$`)

// ParseSpan knows the units people write into configurations, and no signs.
func ParseSpan(s string) (time.Duration, bool) {
	if len(s) > 40 || !goDuration.MatchString(s) {
		return 0, false
	}
	d, err := time.ParseDuration(s)
	return d, err == nil
}

// Brief is d without the zero units that its String has: 1h, not 1h0m0s.
func Brief(d time.Duration) string {
	if d > time.Minute && d < time.Hour && d%time.Minute != 0 && d%time.Second == 0 {
		return fmt.Sprintf("%ds", d/time.Second) // 255s, as the format's description says
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
