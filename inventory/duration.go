package inventory

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// span parses durations from low to high in whole steps.
func span(low, high, step time.Duration) parser[time.Duration] {
	hint := fmt.Sprintf("write a duration from %s to %s", brief(low), brief(high))
	return func(s scalar) (time.Duration, *fault) {
		if s.kind == number && !s.quoted {
			return 0, &fault{"has no unit", withUnit(s.text, low, high, hint)}
		}
		d, ok := parseSpan(s.text)
		switch {
		case !ok:
			return 0, &fault{"is not a duration", hint + ", like 500ms, 5s or 1h"}
		case d < low:
			return 0, &fault{"is below " + brief(low), hint}
		case d > high:
			return 0, &fault{"is above " + brief(high), hint}
		case d%step != 0:
			return 0, &fault{"is not a multiple of " + brief(step), "write " + brief(d.Round(step)) + ", say"}
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
		if d, ok := parseSpan(number + unit); ok && d >= low && d <= high {
			fits = append(fits, number+unit)
		}
	}
	if len(fits) == 0 {
		return otherwise
	}
	return "write " + strings.Join(fits, " or ")
}

var goDuration = regexp.MustCompile(`^([0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h))+$`)

// parseSpan knows the units people write into configurations, and no signs.
func parseSpan(s string) (time.Duration, bool) {
	if len(s) > 40 || !goDuration.MatchString(s) {
		return 0, false
	}
	d, err := time.ParseDuration(s)
	return d, err == nil
}

// brief is d without the zero units that its String has: 1h, not 1h0m0s.
func brief(d time.Duration) string {
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
